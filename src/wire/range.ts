import { wholeNumber } from './headers.ts';

/** A part of something: `from` is the first byte, `to` one past the last. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * The part of `size` bytes that a Range header asks for. Undefined: answer with everything, since the header is absent or
 * speaks of another unit or of several ranges. `unsatisfiable`: answer 416; `500-0` too, though its syntax alone makes it
 * invalid, because the conformance suite asks for that.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14
 */
export function parseRange(text: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes\s?=\s?(\d*)\s?-\s?(\d*)$/i.exec(text?.trim() ?? '');
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  // A number beyond 2^53 is beyond the end, whichever it is.
  const end = last === '' ? Number.POSITIVE_INFINITY : (wholeNumber(last) ?? Number.POSITIVE_INFINITY);
  const from = first === '' ? Math.max(0, size - end) : (wholeNumber(first) ?? Number.POSITIVE_INFINITY);
  const to = first === '' ? size : Math.min(end + 1, size);
  return from < to ? { from, to } : 'unsatisfiable';
}

/** Asks for a part; without `to` for everything from `from` on. */
export function formatRange({ from, to }: { readonly from: number; readonly to?: number }): string {
  return `bytes=${from}-${to === undefined ? '' : to - 1}`;
}

/** The part that a 206 carries, with the size of the whole unless it is `*`. Undefined if it can't be read. */
export function parseContentRange(
  text: string | undefined,
): (ByteRange & { readonly size?: number }) | undefined {
  const match = /^bytes[\s=](\d+)-(\d+)\/(\d+|\*)$/i.exec(text?.trim() ?? '');
  const from = wholeNumber(match?.[1]);
  const last = wholeNumber(match?.[2]);
  if (from === undefined || last === undefined || last < from) return undefined;
  const size = wholeNumber(match?.[3]);
  if (size !== undefined && last >= size) return undefined;
  return { from, to: last + 1, ...(size === undefined ? {} : { size }) };
}

/** The Content-Range of a 206, or of a 416 when there is no part. */
export function formatContentRange(range: ByteRange | undefined, size: number): string {
  return range === undefined ? `bytes */${size}` : `bytes ${range.from}-${range.to - 1}/${size}`;
}

/**
 * The part of a blob that a chunk is: `<first>-<last>` without `bytes` and without the size, unlike every other Content-Range.
 * Undefined if it is anything else.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks
 */
export function parseChunkRange(text: string | undefined): ByteRange | undefined {
  const match = /^(\d+)-(\d+)$/.exec(text ?? '');
  const from = wholeNumber(match?.[1]);
  const last = wholeNumber(match?.[2]);
  if (from === undefined || last === undefined || last < from) return undefined;
  return { from, to: last + 1 };
}

/** An empty chunk has no range: undefined. */
export function formatChunkRange({ from, to }: ByteRange): string | undefined {
  return from < to ? `${from}-${to - 1}` : undefined;
}

/**
 * How many bytes an upload session has, by its Range header; undefined if there is none that can be read.
 * `0-0` says one byte and is what registries send for an empty session: it counts as one byte only if exactly one can have
 * been `sent`. Some say `bytes=0-5`, and an old Gitea `0--1`.
 * @see https://github.com/opencontainers/distribution-spec/issues/578
 */
export function parseUploadRange(
  text: string | undefined,
  { sent }: { readonly sent?: number } = {},
): number | undefined {
  const last = /^(?:bytes\s?[= ]\s?)?0-(\d+|-1)(?:\/(?:\d+|\*))?$/i.exec(text ?? '')?.[1];
  if (last === '-1') return 0;
  const number = wholeNumber(last);
  if (number === undefined) return undefined;
  return number === 0 && sent !== 1 ? 0 : number + 1;
}

/** `0-0` for an empty session: the conformance suite wants a range there, and clients know the habit. */
export function formatUploadRange(offset: number): string {
  return `0-${Math.max(0, offset - 1)}`;
}
