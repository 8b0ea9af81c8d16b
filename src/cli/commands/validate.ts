import { type Place, placeOfPath } from '../../client/place.ts';
import type { Finding } from '../../client/validate.ts';
import { InputError } from '../../errors.ts';
import type { Context } from '../context.ts';
import { Failed } from '../exit.ts';
import { shortened } from '../output.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry validate --remote IMAGE --tarball FILE` */
export async function validate(context: Context, given: ParsedArgs): Promise<void> {
  const tarball = given.text('tarball');
  const remote = given.text('remote');
  const subjects: readonly (string | Place)[] = [
    ...(tarball === undefined ? [] : [await placeOf(tarball)]),
    ...(remote === undefined ? [] : [remote]),
  ];
  if (subjects.length === 0) throw new InputError('INVALID_OPTION', 'validate needs --remote or --tarball');
  const platforms = await context.platforms();
  const options = {
    fast: given.flag('fast'),
    platforms,
    signal: context.signal,
  };
  const client = await context.client();
  const findings: unknown[] = [];
  let failed = false;
  const tell = async (finding: Finding): Promise<void> => {
    failed ||= finding.problem !== undefined;
    if (context.json) findings.push({ ...finding, passed: finding.problem === undefined });
    else await context.output.line(verdict(finding));
  };
  for (const subject of subjects) {
    // Runs one after the other, so that each has its own figures.
    await context.follow(async (onEvent) => {
      for await (const finding of client.validate(subject, { ...options, onEvent })) await tell(finding);
    });
  }
  if (context.json) await context.result(findings);
  if (failed) throw new Failed();
}

/** Returns a file, or a folder that is a layout. Errors are reported when the place is opened. */
async function placeOf(path: string): Promise<Place> {
  return placeOfPath(path).catch(() => ({ kind: 'docker-archive', path }) as const);
}

function verdict({ subject, problem }: Finding): string {
  return problem === undefined ? `PASS: ${subject}` : `FAIL: ${subject}: ${shortened(problem)}`;
}
