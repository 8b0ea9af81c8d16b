import { isGantryError } from '../errors.ts';

/** How long a chain of causes may be before it is cut: a cycle would never end. */
const maxCauses = 10;

/** The one line that a failed command ends with. */
export function errorLine(error: unknown): string {
  if (isGantryError(error)) return error.message;
  if (!(error instanceof Error)) return String(error);
  // What the operating system said is the user's to mend; anything else is a fault of gantry's own.
  if ('syscall' in error) return error.message;
  // A request that another's failure has made needless.
  if (error.name === 'AbortError') return 'given up';
  return `unexpected ${error.name}: ${firstLine(error.message)} (a bug in gantry; -v shows more)`;
}

/** What led to it, nearest first, for those who asked with -v. */
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
