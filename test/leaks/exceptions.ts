import type { Finding, Where } from './finding.ts';

/** A place that shows a secret on purpose. */
interface Exception {
  readonly where: Where;
  readonly command?: RegExp;
  readonly file?: RegExp;
  readonly why: string;
}

const exceptions: readonly Exception[] = [
  {
    where: 'stdout',
    command: /(main\.js|gantry\.cjs|^gantry[-\w.]*) (.* )?auth (get|token)\b/,
    why: 'to print a credential is what these commands are for',
  },
  {
    where: 'stdout',
    command: /^sh -eu block\.sh$/,
    file: /cli-blocks\.test/,
    why: 'docs/cli.md shows auth get, which prints a credential',
  },
  { where: 'stdout', command: /^crane auth (get|token)\b/, why: 'likewise, of crane' },
  {
    where: 'arguments',
    command: / (-p|--password|--creds|--src-creds|--dest-creds)[ =]/,
    why: 'what the user gives: that it is written over is what the title is searched for',
  },
];

/** Returns the reason why this finding is no leak; undefined for a leak. */
export function excuse({ where, command = '', file }: Finding): string | undefined {
  return exceptions.find(
    (exception) =>
      exception.where === where &&
      (exception.command?.test(command) ?? true) &&
      (exception.file?.test(file) ?? true),
  )?.why;
}
