import { isGantryError, ResponseError, TransportError } from '../errors.ts';
import { discard } from '../flow/collect.ts';
import type { Content, OpenOptions } from '../flow/content.ts';
import { verified } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { contentLength, headerValue } from '../wire/headers.ts';
import type { HttpResponse } from '../wire/message.ts';
import { parseContentRange } from '../wire/range.ts';
import { type Exchange, perform } from './exchange.ts';

type Known = Pick<Descriptor, 'digest'> & Partial<Pick<Descriptor, 'size'>>;

/** How often in a row a download is taken up again without a byte having come. */
const attempts = 5;

/** A blob to be read: whole reads are verified, parts can't be. */
export function openBlob(exchange: Exchange, repository: string, blob: Known): Content {
  return {
    ...(blob.size === undefined ? {} : { size: blob.size }),
    replayable: true,
    open({ from = 0, to, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      const whole = from === 0 && (to === undefined || to === blob.size);
      const bytes = download(exchange, repository, blob, {
        from,
        ...(to === undefined ? {} : { to }),
        signal,
      });
      return whole ? verified(bytes, { ...blob, what: `blob ${blob.digest} of ${repository}` }) : bytes;
    },
  };
}

interface Part {
  readonly from: number;
  readonly to?: number;
  readonly signal: AbortSignal | undefined;
}

/**
 * The bytes from `from` on. A connection that breaks, stalls or ends too early is taken up again with a Range from
 * the last byte that arrived; attempts start again whenever bytes came.
 */
async function* download(
  exchange: Exchange,
  repository: string,
  blob: Known,
  { from, to, signal }: Part,
): AsyncIterable<Uint8Array> {
  let at = from;
  let left = attempts;
  for (;;) {
    const part = await openPart(exchange, repository, blob, {
      from: at,
      ...(to === undefined ? {} : { to }),
      signal,
    });
    if (part === undefined) return;
    const end = to ?? part.end ?? blob.size;
    try {
      for await (const chunk of part.bytes) {
        at += chunk.byteLength;
        left = attempts;
        yield chunk;
      }
      if (end === undefined || at >= end) return;
      throw new TransportError(
        'CUT_OFF',
        `blob ${blob.digest} of ${repository} ended at byte ${at} of ${end}`,
      );
    } catch (error) {
      if (!isInterruption(error) || --left === 0) throw error;
    }
  }
}

interface OpenPart {
  readonly bytes: AsyncIterable<Uint8Array>;
  /** One past the last byte that the registry means to send, where it says. */
  readonly end?: number;
}

async function openPart(
  exchange: Exchange,
  repository: string,
  blob: Known,
  { from, to, signal }: Part,
): Promise<OpenPart | undefined> {
  // Nothing is left to ask for, and a Range that begins at the end would be refused.
  const end = to ?? blob.size;
  if (from > 0 && end !== undefined && from >= end) return undefined;
  const ranged = from > 0 || to !== undefined;
  const { response } = await perform(
    exchange,
    { kind: 'blob.get', repository, digest: blob.digest },
    [200, 206],
    {
      ...(ranged ? { range: { from, ...(to === undefined ? {} : { to }) } } : {}),
      signal,
    },
  );
  return response.status === 206 ? await partial(response, blob, from) : full(response, from, to);
}

async function partial(response: HttpResponse, { digest }: Known, from: number): Promise<OpenPart> {
  const range = parseContentRange(headerValue(response.headers, 'content-range'));
  if (range?.from === from) return { bytes: response.body, end: range.to };
  await discard(response.body);
  throw new ResponseError(
    'UNEXPECTED_ANSWER',
    `blob ${digest}: asked for bytes from ${from}, got another part`,
  );
}

/** The registry does not honour Range: what was not asked for is read and dropped. */
function full(response: HttpResponse, from: number, to: number | undefined): OpenPart {
  const length = contentLength(response.headers);
  const end = to ?? length;
  return {
    bytes: from === 0 && to === undefined ? response.body : within(response.body, from, to),
    ...(end === undefined ? {} : { end }),
  };
}

async function* within(
  source: AsyncIterable<Uint8Array>,
  from: number,
  to: number = Number.POSITIVE_INFINITY,
): AsyncIterable<Uint8Array> {
  let at = 0;
  for await (const chunk of source) {
    const start = Math.max(0, from - at);
    const end = Math.min(chunk.byteLength, to - at);
    if (start < end) yield chunk.subarray(start, end);
    at += chunk.byteLength;
    if (at >= to) return;
  }
}

function isInterruption(error: unknown): boolean {
  return isGantryError(error, 'CUT_OFF') || isGantryError(error, 'STALLED');
}
