import { isGantryError } from '../errors.ts';

/** The number of causes to show, since a cyclic chain would never end. */
const maxCauses = 10;

/** Returns the last line of a failed command. */
export function errorLine(error: unknown): string {
  if (isGantryError(error)) return error.message;
  if (!(error instanceof Error)) return String(error);
  // The user can fix an error of the operating system. Any other error is a bug in gantry.
  if ('syscall' in error) return error.message;
  // A request that became needless when another one failed.
  if (error.name === 'AbortError') return 'given up';
  return `unexpected ${error.name}: ${firstLine(error.message)} (a bug in gantry; -v shows more)`;
}

/** Returns the chain of causes, nearest first, for -v. */
export function causeLines(error: unknown): string[] {
  const lines: string[] = [];
  for (let cause = error; cause !== undefined && lines.length < maxCauses; cause = causeOf(cause)) {
    lines.push(`${lines.length === 0 ? 'error' : 'caused by'}: ${describe(cause)}`);
  }
  return lines;
}

function describe(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const code = 'code' in error && typeof error.code === 'string' ? ` ${error.code}` : '';
  const answer =
    isGantryError(error) && error.response !== undefined
      ? ` [${error.response.method} ${error.response.url}: ${error.response.status}]`
      : '';
  return `${error.name}${code}: ${firstLine(error.message)}${answer}`;
}

function causeOf(error: unknown): unknown {
  if (error instanceof AggregateError) return error.errors.at(-1);
  return error instanceof Error ? error.cause : undefined;
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}
