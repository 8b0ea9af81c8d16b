import { wholeNumber } from './headers.ts';

/** A range of bytes: `from` is the first, `to` is one past the last. */
export interface ByteRange {
  readonly from: number;
  readonly to: number;
}

/**
 * Parses a Range header for content of `size` bytes. Undefined: answer with everything, since the header is absent, has
 * another unit or lists several ranges. `unsatisfiable`: answer 416; this includes `500-0`, which is a syntax error by
 * the RFC, because the conformance suite expects it.
 * @see https://www.rfc-editor.org/rfc/rfc9110#section-14
 */
export function parseRange(text: string | undefined, size: number): ByteRange | 'unsatisfiable' | undefined {
  const match = /^bytes\s?=\s?(\d*)\s?-\s?(\d*)$/i.exec(text?.trim() ?? '');
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  // A number above 2^53 lies beyond the end of any content.
  const end = last === '' ? Number.POSITIVE_INFINITY : (wholeNumber(last) ?? Number.POSITIVE_INFINITY);
  const from = first === '' ? Math.max(0, size - end) : (wholeNumber(first) ?? Number.POSITIVE_INFINITY);
  const to = first === '' ? size : Math.min(end + 1, size);
  return from < to ? { from, to } : 'unsatisfiable';
}

/** Formats a Range header; without `to` the range is open. */
export function formatRange({ from, to }: { readonly from: number; readonly to?: number }): string {
  return `bytes=${from}-${to === undefined ? '' : to - 1}`;
}

/**
 * Parses the Content-Range of a 206. `size` is left out when the header has `*`. Returns undefined for any other text.
 */
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

/** Formats the Content-Range of a 206, or without a range that of a 416. */
export function formatContentRange(range: ByteRange | undefined, size: number): string {
  return range === undefined ? `bytes */${size}` : `bytes ${range.from}-${range.to - 1}/${size}`;
}

/**
 * Parses the Content-Range of a chunk: `<first>-<last>`, without `bytes` and the size, unlike every other
 * Content-Range. Returns undefined for any other text.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#pushing-a-blob-in-chunks
 */
export function parseChunkRange(text: string | undefined): ByteRange | undefined {
  const match = /^(\d+)-(\d+)$/.exec(text ?? '');
  const from = wholeNumber(match?.[1]);
  const last = wholeNumber(match?.[2]);
  if (from === undefined || last === undefined || last < from) return undefined;
  return { from, to: last + 1 };
}

/** Formats the Content-Range of a chunk; undefined for an empty chunk, which has no range. */
export function formatChunkRange({ from, to }: ByteRange): string | undefined {
  return from < to ? `${from}-${to - 1}` : undefined;
}

/**
 * Returns the number of bytes that an upload session has, by its Range header; undefined if the header is absent or
 * unreadable. Registries send `0-0` for an empty session although it means one byte. It counts as one byte only if
 * exactly one byte can have been `sent`. Some registries send `bytes=0-5`, and an old Gitea sends `0--1`.
 * @see https://github.com/opencontainers/distribution-spec/issues/578
 */
export function parseUploadRange(
  text: string | undefined,
  { sent }: { readonly sent?: number | undefined } = {},
): number | undefined {
  const last = /^(?:bytes\s?[= ]\s?)?0-(\d+|-1)(?:\/(?:\d+|\*))?$/i.exec(text ?? '')?.[1];
  if (last === '-1') return 0;
  const number = wholeNumber(last);
  if (number === undefined) return undefined;
  return number === 0 && sent !== 1 ? 0 : number + 1;
}

/**
 * Formats the Range of an upload session. An empty session gets `0-0`: the conformance suite expects a range, and
 * clients know this form.
 */
export function formatUploadRange(offset: number): string {
  return `0-${Math.max(0, offset - 1)}`;
}
