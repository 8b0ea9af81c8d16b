import { stat } from 'node:fs/promises';
import { ContentError, isGantryError, StorageError } from '../errors.ts';
import { absentAs } from '../files/files.ts';
import type { WorkLedger } from '../flow/work.ts';
import { refNameAnnotation } from '../spec/annotation.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import { blobsOf, type Manifest, manifestsOf } from '../spec/manifest.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { ArchiveContents } from './contents.ts';
import { onArchiveFile } from './failure.ts';
import type { FileContent } from './file.ts';
import { sameName } from './names.ts';
import { openContents } from './read.ts';

/** An archive that is added to. Its whole content goes into the new file, too. */
export interface Base extends AsyncDisposable {
  readonly format: 'oci' | 'docker';
  readonly isGzipped: boolean;
  readonly roots: readonly BaseRoot[];
  readonly manifest: (digest: Digest) => Manifest | undefined;
  readonly blob: (digest: Digest) => FileContent | undefined;
  /** Returns the manifest with this name or digest if all its content exists. */
  readonly find: (reference: string) => Manifest | undefined;
  /** Throws IN_USE when another program has changed the file since it was opened: its work would be lost. */
  demandUnchanged(): Promise<void>;
}

/** An image or index of an archive that is added to. */
export interface BaseRoot {
  readonly digest: Digest;
  readonly names: readonly string[];
  /** The entry in index.json. An image that only manifest.json describes has none. */
  readonly entry?: Descriptor;
}

/** Throws MANIFEST_INVALID, with the reason, for a file that cannot be added to. */
export async function openBase(path: string, options: SignalOptions, works: WorkLedger): Promise<Base> {
  const before = await identityOf(path);
  const opened = await openContents(path, options, works).catch((error: unknown) => refuse(path, error));
  const { contents, format, compression } = opened;
  try {
    if (compression !== 'none' && compression !== 'gzip') {
      throw new ContentError('MANIFEST_INVALID', `it is compressed with ${compression}`);
    }
    const roots = await rootsOf(contents, options);
    const seen = new Map<Digest, boolean>();
    return {
      format,
      isGzipped: compression === 'gzip',
      roots,
      manifest: contents.manifest,
      blob: contents.blob,
      find(reference) {
        const root = roots.find((one) => isCalled(one, reference));
        const digest = root?.digest ?? reference;
        const found = isDigest(digest) ? contents.manifest(digest) : undefined;
        return found !== undefined && isWhole(found, contents, seen) ? found : undefined;
      },
      async demandUnchanged() {
        if ((await identityOf(path)) === before) return;
        const text = `another program changed ${path} meanwhile, so nothing was added to it: run the command again`;
        throw new StorageError('IN_USE', text, { path });
      },
      [Symbol.asyncDispose]: () => opened[Symbol.asyncDispose](),
    };
  } catch (error) {
    await opened[Symbol.asyncDispose]();
    options.signal?.throwIfAborted();
    return refuse(path, error);
  }
}

/** Returns whether a root has the name, in any spelling. */
export function isCalled({ names, entry }: BaseRoot, name: string): boolean {
  if (entry?.annotations?.[refNameAnnotation] === name) return true;
  return names.some((known) => known === name || sameName(known, name));
}

/** Loads all roots, since all of them are written again. */
async function rootsOf(contents: ArchiveContents, options: SignalOptions): Promise<readonly BaseRoot[]> {
  const roots: BaseRoot[] = [];
  for (const root of contents.roots) {
    const { names, entry } = root;
    const { digest } = await root.load(options);
    roots.push({ digest, names, ...(entry?.digest === digest ? { entry } : {}) });
  }
  return roots;
}

function isWhole(
  { body, descriptor }: Manifest,
  contents: ArchiveContents,
  seen: Map<Digest, boolean>,
): boolean {
  const known = seen.get(descriptor.digest);
  if (known !== undefined) return known;
  const blobs = blobsOf(body).every(({ digest }) => contents.blob(digest) !== undefined);
  const whole =
    blobs &&
    manifestsOf(body).every(({ digest }) => {
      const child = contents.manifest(digest);
      return child === undefined ? contents.blob(digest) !== undefined : isWhole(child, contents, seen);
    });
  seen.set(descriptor.digest, whole);
  return whole;
}

/** Returns a text that differs for each state of a file; `gone` for a missing file. */
async function identityOf(path: string): Promise<string> {
  const found = await onArchiveFile(path, () => absentAs(undefined, stat(path)));
  if (found === undefined) return 'gone';
  const { dev, ino, size, mtimeMs } = found;
  return [dev, ino, size, mtimeMs].join(' ');
}

function refuse(path: string, error: unknown): never {
  if (!isGantryError(error) || error instanceof StorageError) throw error;
  throw new ContentError(
    'MANIFEST_INVALID',
    `${path} exists, and nothing can be added to it: ${error.message}; use --replace to replace it`,
    { cause: error },
  );
}
