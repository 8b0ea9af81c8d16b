import { ResponseError } from '../errors.ts';
import type { HttpResponse } from '../wire/message.ts';
import { failureIn, reported } from './failure.ts';

/** Characters of one line. Docker's lines of progress have some hundred, and a report may name many files. */
const longestLine = 1024 * 1024;

/**
 * Reads the answer to a load, which has status 200 also if the load fails: one JSON object in each line. Yields each number of
 * bytes that the daemon has loaded.
 * @throws UNEXPECTED_ANSWER at the end, with the daemon's words, when it reports a failure
 */
export async function* readAnswer(
  name: string,
  { body }: HttpResponse,
  doing: string,
): AsyncIterable<number> {
  const loaded = new Map<string, number>();
  let failure: string | undefined;
  for await (const line of linesOf(name, body)) {
    // A line with this member that cannot be read is no success either.
    if (/"error(?:Detail)?"\s*:\s*[^\sn]/.test(line)) failure ??= failureIn(line) ?? line;
    const progress = progressIn(line);
    if (progress === undefined) continue;
    const before = loaded.get(progress.layer) ?? 0;
    if (progress.bytes <= before) continue;
    loaded.set(progress.layer, progress.bytes);
    yield progress.bytes - before;
  }
  if (failure !== undefined) throw reported(name, doing, failure);
}

async function* linesOf(name: string, body: AsyncIterable<Uint8Array>): AsyncIterable<string> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > longestLine) throw reported(name, 'load the image', rest);
    yield* lines;
  }
  yield rest;
}

interface LayerProgress {
  readonly layer: string;
  readonly bytes: number;
}

/** Returns the progress in a line such as `{"status":"Loading layer","progressDetail":{"current":5,"total":9},"id":"a1"}`. */
function progressIn(line: string): LayerProgress | undefined {
  const [, bytes] = /"progressDetail":\{"current":(\d{1,15})\b/.exec(line) ?? [];
  const [, layer] = /"id":"([^"]{1,100})"/.exec(line) ?? [];
  return bytes === undefined || layer === undefined ? undefined : { layer, bytes: Number(bytes) };
}

/** Returns the error for a daemon that did not read the whole image, and said nothing about the reason. */
export function answeredEarly(name: string): ResponseError {
  return new ResponseError(
    'UNEXPECTED_ANSWER',
    `${name} answered before it had the whole image, so it has not loaded it`,
  );
}
