import { parseJson } from '../json/parse.ts';
import { isDigest } from '../spec/digest.ts';
import type { UploadKey } from '../store/upload-journal.ts';

/** The note of an upload: its key, and the id of its session. */
export interface UploadNoteFile extends UploadKey {
  readonly id: string;
}

/** Reads a note; undefined for a damaged one, or one of another version. */
export function parseNote(bytes: Uint8Array): UploadNoteFile | undefined {
  let note: unknown;
  try {
    note = parseJson(bytes, { what: 'note of an upload' });
  } catch {
    return undefined;
  }
  if (typeof note !== 'object' || note === null) return undefined;
  const { version, place, repository, digest, size, id }: Readonly<Record<string, unknown>> = { ...note };
  if (version !== 1 || typeof place !== 'string' || typeof repository !== 'string') return undefined;
  if (typeof digest !== 'string' || !isDigest(digest) || typeof id !== 'string') return undefined;
  if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) return undefined;
  return { place, repository, digest, size, id };
}

/** Returns whether a note is about this upload. */
export function isNoteOf(note: UploadNoteFile, { place, repository, digest, size }: UploadKey): boolean {
  return (
    note.place === place && note.repository === repository && note.digest === digest && note.size === size
  );
}
