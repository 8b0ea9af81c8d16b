import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { lookAt, makeFolder, onDisk, removeFile, replaceFile } from '../files/files.ts';
import { readSmall } from '../files/read-small.ts';
import { digestOf } from '../flow/hash.ts';
import { computableAlgorithm, type Digest } from '../spec/digest.ts';
import type { Documents, KeptDocument } from './documents.ts';

/** Bytes. Larger documents are rare, and fetching them costs little beside their image. */
const maxFile = 1024 * 1024;
/** Milliseconds after which a document goes. */
const maxAge = 30 * 24 * 60 * 60 * 1000;
const filePattern = /^[a-z0-9]+-[0-9a-f]+(?:\.[0-9a-f-]{36}\.tmp)?$/;
const newline = 0x0a;

/**
 * Keeps documents in a folder, one file for each: the media type, a newline, and the bytes. A missing, old or damaged file counts
 * as absent, and so never changes a result. Only the owner can read the files.
 */
export function createDocumentCache(folder: string): Documents {
  const fileOf = (digest: Digest): string => join(folder, digest.replace(':', '-'));
  let isSwept = false;
  return {
    async find(digest) {
      const bytes = await readSmall(fileOf(digest), 2 * maxFile).catch(() => undefined);
      return bytes === undefined ? undefined : documentIn(bytes, digest);
    },

    async keep(digest, { mediaType, bytes }) {
      if (bytes.byteLength > maxFile || mediaType.includes('\n')) return;
      const isNew = !isSwept;
      isSwept = true;
      await makeFolder(folder, 0o700);
      if (isNew) await removeOld(folder);
      const head = new TextEncoder().encode(`${mediaType}\n`);
      const file = new Uint8Array(head.byteLength + bytes.byteLength);
      file.set(head);
      file.set(bytes, head.byteLength);
      await replaceFile(fileOf(digest), file, { mode: 0o600, durable: false });
    },
  };
}

/** Returns the document in a file; undefined if its digest is another one. */
function documentIn(file: Uint8Array, digest: Digest): KeptDocument | undefined {
  const end = file.indexOf(newline);
  const bytes = file.subarray(end + 1);
  if (end < 0 || digestOf(bytes, computableAlgorithm(digest)) !== digest) return undefined;
  return { mediaType: new TextDecoder().decode(file.subarray(0, end)), bytes };
}

async function removeOld(folder: string): Promise<void> {
  for (const name of await onDisk(folder, () => readdir(folder))) {
    if (!filePattern.test(name)) continue;
    const path = join(folder, name);
    const stats = await lookAt(path);
    if (stats !== undefined && Date.now() - stats.mtimeMs > maxAge) await removeFile(path);
  }
}
