import { ResponseError } from '../errors.ts';
import type { HttpResponse } from '../wire/message.ts';
import { failureIn, reported } from './failure.ts';

/** Characters of one line. Docker's lines of progress have some hundred. */
const longestLine = 64 * 1024;

/**
 * Reads the answer to a load, which has status 200 also if the load fails: one JSON object in each line, and one with `error`
 * for a failure.
 * @throws UNEXPECTED_ANSWER with the daemon's words when it reports a failure, or answers before it has the whole image
 */
export async function readAnswer(
  name: string,
  { body }: HttpResponse,
  doing: string,
  isSent: () => boolean,
): Promise<void> {
  const hadAll = isSent();
  const decoder = new TextDecoder();
  let rest = '';
  let failure: string | undefined;
  const take = (line: string): void => {
    failure ??= failureOf(line);
  };
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    // A longer line is no report of docker's or podman's.
    rest = (lines.pop() ?? '').slice(0, longestLine);
    for (const line of lines) take(line);
  }
  take(rest);
  if (failure !== undefined) throw reported(name, doing, failure);
  if (hadAll) return;
  throw new ResponseError(
    'UNEXPECTED_ANSWER',
    `${name} answered before it had the whole image, so it has not loaded it`,
  );
}

/** `message` alone is the form of an error status, and no member of a line of progress. */
function failureOf(line: string): string | undefined {
  return /"error(?:Detail)?"/.test(line) ? failureIn(line) : undefined;
}
