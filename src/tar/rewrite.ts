import { type Cursor, StreamCursor } from './cursor.ts';
import { editHead, type HeadEdit } from './edit-head.ts';
import { cutOff, nextEntry, paddingOf, type TarEntry } from './entry.ts';
import { joined } from './joined.ts';
import type { TarOptions } from './read.ts';

/** The outcome for an entry: it stays, it goes away with its body, or its head changes. */
export type EntryChange = 'keep' | 'drop' | HeadEdit;

/** Settings of `rewriteTar`. */
export interface RewriteOptions extends TarOptions {
  /** Receives the position of each entry that goes away or gets another head. */
  readonly onChange?: ((position: number) => void) | undefined;
}

/** Bytes that are passed on in one step. */
const step = 1024 * 1024;

/**
 * Passes a tar on with changes of some entries. All other bytes stay, those after the end included. `change` gets the position
 * of each entry, from 0.
 * @throws the errors of `readTar`
 */
export async function* rewriteTar(
  source: AsyncIterable<Uint8Array>,
  change: (entry: TarEntry, position: number) => EntryChange,
  { what = 'tar', signal, onChange }: RewriteOptions = {},
): AsyncIterable<Uint8Array> {
  const cursor = new StreamCursor(source);
  try {
    for (let position = 0; ; position++) {
      signal?.throwIfAborted();
      const recorded = new RecordingCursor(cursor);
      const entry = await nextEntry(recorded, what);
      if (entry === undefined) {
        yield* recorded.parts;
        break;
      }
      const outcome = change(entry, position);
      if (outcome !== 'drop') yield* headAfter(recorded.parts, outcome, () => onChange?.(position));
      else onChange?.(position);
      let left = entry.stored + paddingOf(entry.stored);
      while (left > 0) {
        const chunk = await cursor.next(Math.min(left, step));
        if (chunk === undefined) throw cutOff(what, cursor.offset);
        left -= chunk.byteLength;
        if (outcome !== 'drop') yield chunk;
      }
    }
    // The bytes after the end marker belong to the digest.
    for (let rest = await cursor.next(step); rest !== undefined; rest = await cursor.next(step)) yield rest;
  } finally {
    await cursor.close();
  }
}

function headAfter(
  parts: readonly Uint8Array[],
  outcome: 'keep' | HeadEdit,
  onChange: () => void,
): readonly Uint8Array[] {
  if (outcome === 'keep') return parts;
  const head = joined(parts);
  const edited = editHead(head, outcome);
  if (edited !== head) onChange();
  return [edited];
}

/** Keeps the bytes that the reading of one head takes. */
class RecordingCursor implements Cursor {
  readonly #cursor: Cursor;
  readonly parts: Uint8Array[] = [];

  constructor(cursor: Cursor) {
    this.#cursor = cursor;
  }

  get offset(): number {
    return this.#cursor.offset;
  }

  async take(length: number): Promise<Uint8Array> {
    const bytes = await this.#cursor.take(length);
    if (bytes.byteLength > 0) this.parts.push(bytes);
    return bytes;
  }

  async skip(length: number): Promise<number> {
    return (await this.take(length)).byteLength;
  }
}
