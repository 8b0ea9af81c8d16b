import { paddingOf } from './entry.ts';
import { blockSize, decodeBlock, encodeBlock, patchedBlock } from './header.ts';
import { joined } from './joined.ts';
import { encodePax } from './pax.ts';
import { decodeText, encodeText } from './text.ts';

/** Changes of the head of an entry. */
export interface HeadEdit {
  readonly name?: string | undefined;
  readonly linkname?: string | undefined;
  /** Times after this one become this one. In whole seconds since 1970. */
  readonly latest?: number | undefined;
}

/**
 * Edits the head of an entry: its header block, and all blocks of records ahead of it, as they are in the tar. Everything else
 * stays: unknown records, their order, the format and the map of a sparse file. Without an effect, the result is `head` itself.
 */
export function editHead(head: Uint8Array, edit: HeadEdit): Uint8Array {
  const { ahead, block, rest } = partsOf(head);
  const { name, linkname, latest } = edit;
  const isLate = latest !== undefined && decodeBlock(block, 'header').mtime > latest;
  const records = ahead.map((one) => editedRecords(one, edit));
  const long = [
    ...(isLong(name) ? [['path', name] as const] : []),
    ...(isLong(linkname) ? [['linkpath', linkname] as const] : []),
  ];
  const isSame = !isLate && name === undefined && linkname === undefined;
  if (isSame && records.every((one, at) => one === ahead[at])) return head;
  return joined([
    ...records.flatMap((one) => (one === undefined ? [] : [one.block, one.body])),
    ...(long.length === 0 ? [] : [withRecords(encodePax(long))]),
    isSame ? block : patchedBlock(block, { name, linkname, mtime: isLate ? latest : undefined }),
    rest,
  ]);
}

/** A block of records with its body, padding included. */
interface Records {
  readonly typeflag: string;
  readonly size: number;
  readonly block: Uint8Array;
  readonly body: Uint8Array;
}

interface HeadParts {
  readonly ahead: readonly Records[];
  readonly block: Uint8Array;
  /** Further blocks of a sparse file's map. */
  readonly rest: Uint8Array;
}

function partsOf(head: Uint8Array): HeadParts {
  const ahead: Records[] = [];
  for (let at = 0; ; ) {
    const block = head.subarray(at, at + blockSize);
    const { typeflag, size } = decodeBlock(block, 'header');
    at += blockSize;
    if (!'xgLK'.includes(typeflag)) return { ahead, block, rest: head.subarray(at) };
    const end = at + size + paddingOf(size);
    ahead.push({ typeflag, size, block, body: head.subarray(at, end) });
    at = end;
  }
}

/** Returns undefined for a block that goes away: a long name that is replaced, or a block without records left. */
function editedRecords(records: Records, { name, linkname, latest }: HeadEdit): Records | undefined {
  const { typeflag, block, body, size } = records;
  if (typeflag === 'L') return name === undefined ? records : undefined;
  if (typeflag === 'K') return linkname === undefined ? records : undefined;
  if (typeflag !== 'x') return records;
  const all = recordsOf(body.subarray(0, size));
  const kept = all.flatMap((record) => {
    const { key, value } = record;
    if (names.has(key) && name !== undefined) return [];
    if (key === 'linkpath' && linkname !== undefined) return [];
    if (latest === undefined || !times.has(key) || !(Number(value) > latest)) return record.bytes;
    return encodePax([[key, String(latest)]]);
  });
  if (kept.length === all.length && kept.every((bytes, at) => bytes === all[at]?.bytes)) return records;
  if (kept.length === 0) return undefined;
  const bytes = joined(kept);
  const length = bytes.byteLength;
  const padded = joined([bytes, new Uint8Array(paddingOf(length))]);
  return { typeflag, size: length, block: patchedBlock(block, { size: length }), body: padded };
}

/** GNU tar keeps the name of a sparse file in a record of its own, which comes before the others. */
const names: ReadonlySet<string> = new Set(['path', 'GNU.sparse.name']);
const times: ReadonlySet<string> = new Set(['mtime', 'atime', 'ctime']);

interface PaxRecord {
  readonly key: string;
  readonly value: string;
  /** The whole record with its length. */
  readonly bytes: Uint8Array;
}

/** Splits the body of an extended header, which the reading of the entry has checked. */
function recordsOf(body: Uint8Array): readonly PaxRecord[] {
  const records: PaxRecord[] = [];
  for (let at = 0; at < body.byteLength; ) {
    const gap = body.indexOf(0x20, at);
    const length = Number(decodeText(body.subarray(at, gap)));
    const bytes = body.subarray(at, at + length);
    const text = decodeText(body.subarray(gap + 1, at + length - 1));
    const equals = text.indexOf('=');
    records.push({ key: text.slice(0, equals), value: text.slice(equals + 1), bytes });
    at += length;
  }
  return records;
}

/** True for a name that the field in the header block cuts off. */
function isLong(name: string | undefined): name is string {
  return name !== undefined && encodeText(name).byteLength > 100;
}

function withRecords(pax: Uint8Array): Uint8Array {
  const size = pax.byteLength;
  const block = { name: 'PaxHeader', typeflag: 'x', size, mode: 0o644, mtime: 0, linkname: '' };
  return joined([encodeBlock(block), pax, new Uint8Array(paddingOf(size))]);
}
