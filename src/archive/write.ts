import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { InputError, isGantryError, NotFoundError } from '../errors.ts';
import { makeDraft } from '../files/draft.ts';
import { removeDeadLock, takeLock } from '../files/lock.ts';
import { gzipped } from '../flow/compression.ts';
import { gathered } from '../flow/gather.ts';
import type { WorkObserver } from '../flow/work.ts';
import {
  signal as abortSignal,
  amount,
  callback,
  checkArgument,
  checkOptions,
  flag,
  oneOf,
  type Shape,
  text,
} from '../spec/options.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { type TarFileWithBody, writeTar } from '../tar/write.ts';
import { type Base, openBase } from './base.ts';
import { onArchiveFile } from './failure.ts';
import { step, writeFile } from './file.ts';
import { legacyFiles } from './legacy-form.ts';
import { dockerFiles, ociFiles } from './oci-form.ts';
import { refuseUnloadable, type Staged } from './staged.ts';
import { createStagedBlobs } from './staged-blobs.ts';
import { checkName, createStagedManifests } from './staged-manifests.ts';
import { fileToReplace, kindOf, replace, type TargetKind } from './target-file.ts';
import { toldStaged } from './told.ts';
import { union } from './union.ts';

/** Settings of `createArchive`. */
export interface CreateArchiveOptions extends SignalOptions {
  /** `docker`: an OCI layout that `docker load` takes, too. `legacy`: what Docker saved before version 25. */
  readonly format: 'docker' | 'oci' | 'legacy';
  /**
   * Compresses the whole archive.
   * @defaultValue `false`
   */
  readonly gzip?: boolean;
  /**
   * Where there is an archive already: `replace` it (the default), or `add` to it. Then all that it holds is kept, a name
   * that both have means the new image, and it stays a docker archive and gzipped where it was; who adds at the same time
   * waits for the other.
   */
  readonly existing?: 'replace' | 'add';
  /** Milliseconds to wait for another process that adds to the same archive. Default: don't. `Infinity`: until the signal. */
  readonly wait?: number | undefined;
  /** Called once, after two seconds, with what is waited for. */
  readonly onWait?: ((reason: string) => void) | undefined;
  /** Told how far it is with unpacking the archive that is added to, and at the commit with writing. */
  readonly onWork?: WorkObserver | undefined;
  /** Takes the archive's bytes at the commit, in place of a file; `path` is then what errors call it. */
  readonly output?: (bytes: Uint8Array) => Promise<void>;
}

const shape: Shape<CreateArchiveOptions> = {
  format: oneOf('docker', 'oci', 'legacy'),
  gzip: flag,
  existing: oneOf('replace', 'add'),
  wait: amount,
  onWait: callback,
  onWork: callback,
  output: callback,
  signal: abortSignal,
};

/**
 * A repository that becomes the file at `path` when it is committed, all at once; disposed before, it leaves nothing.
 * Tags may be full names (`alpine:3`), and for `docker load` must be. Equal content makes equal bytes.
 *
 * Until the commit blobs are kept in a folder beside the file, since they come in any order and several at a time.
 * Throws NO_PERMISSION, NO_SPACE, NAME_UNKNOWN for a folder that isn't there, INVALID_OPTION for a path that is one; where it
 * is to be added to, IN_USE, and MANIFEST_INVALID for a file that is no archive or not whole.
 */
export async function createArchive(path: string, options: CreateArchiveOptions): Promise<Repository> {
  checkArgument('createArchive', 'path', path, text);
  checkOptions('createArchive', options, shape, ['format']);
  const { output } = options;
  const kind = output === undefined ? await kindOf(path) : 'pipe';
  if (kind === 'folder') {
    const advice = 'name a file in it, or write a layout, which is a folder';
    throw new InputError('INVALID_OPTION', `${path} is a folder, and an archive is a file: ${advice}`);
  }
  const target = kind === 'pipe' ? path : await fileToReplace(path, kind);
  // On the file's own disk, so that a rename suffices at the end; there is none beside `/dev/stdout`.
  const parent = kind === 'pipe' ? tmpdir() : dirname(target);
  const draft = await onArchiveFile(parent, () => makeDraft(parent)).catch((cause: unknown) => {
    if (!isGantryError(cause, 'NAME_UNKNOWN')) throw cause;
    throw new NotFoundError('NAME_UNKNOWN', `there is no folder ${parent} for ${path}: make it first`, {
      cause,
    });
  });
  const held: Disposal[] = [async () => draft[Symbol.asyncDispose]()];
  try {
    const isAdded = options.existing === 'add' && kind !== 'pipe';
    const base = isAdded ? await baseAt(target, held, options) : undefined;
    if (!isAdded && kind !== 'pipe') await removeDeadLock(lockOf(target)).catch(() => undefined);
    return draftOf({ path, target, kind, folder: draft.path, base, held }, options);
  } catch (error) {
    await disposeAll(held);
    throw error;
  }
}

type Disposal = () => Promise<void>;

/** The newest first, as they depend on each other. */
async function disposeAll(held: Disposal[]): Promise<void> {
  const dispose = held.pop();
  if (dispose === undefined) return;
  try {
    await dispose();
  } finally {
    await disposeAll(held);
  }
}

function lockOf(target: string): string {
  return join(dirname(target), `.${basename(target)}.lock`);
}

/** The archive that is added to, with a lock against others who add to it; undefined where there is none yet. */
async function baseAt(
  target: string,
  held: Disposal[],
  { signal, wait = 0, onWait, onWork }: CreateArchiveOptions,
): Promise<Base | undefined> {
  const lock = await takeLock(lockOf(target), { what: target, wait, onWait, signal });
  held.push(async () => lock[Symbol.asyncDispose]());
  // A file of no bytes is a place that somebody has made ready, as mktemp does.
  const found =
    (await kindOf(target)) === 'file' ? await onArchiveFile(target, () => stat(target)) : undefined;
  if (found === undefined || found.size === 0) return undefined;
  const base = await openBase(target, { signal, onWork });
  held.push(async () => base[Symbol.asyncDispose]());
  return base;
}

interface Draft {
  readonly path: string;
  readonly target: string;
  readonly kind: TargetKind;
  readonly folder: string;
  readonly base: Base | undefined;
  readonly held: Disposal[];
}

function draftOf(
  { path, target, kind, folder, base, held }: Draft,
  options: CreateArchiveOptions,
): Repository {
  const blobs = createStagedBlobs(folder, base?.blob);
  const manifests = createStagedManifests(path, blobs.blobs, base?.find);
  const form = {
    format: base?.format === 'docker' && options.format === 'oci' ? 'docker' : options.format,
    gzip: options.gzip ?? base?.isGzipped ?? false,
  } as const;
  return {
    name: path,
    blobs: blobs.blobs,
    manifests: manifests.manifests,
    tags: manifests.tags,
    referrers: manifests.referrers,
    admit(root, tags) {
      for (const tag of tags) checkName(tag);
      // What is there already can be loaded, or is an OCI archive.
      if (base === undefined && options.format !== 'oci') refuseUnloadable(path, root);
    },
    async commit({ signal } = {}) {
      signal?.throwIfAborted();
      const added = { path, manifests, blobs };
      const whole = base === undefined ? added : union(added, base);
      const told = toldStaged(whole, readsFor[form.format], options.onWork);
      const bytes = archiveBytes(told.staged, form, signal);
      if (options.output !== undefined) await handOver(bytes, options.output);
      else if (kind === 'pipe') await writeFile(target, bytes);
      else {
        const draft = join(folder, 'archive');
        await writeFile(draft, bytes, { flush: true }).catch(async (error: unknown) => {
          await base?.demandUnchanged();
          throw error;
        });
        await base?.demandUnchanged();
        await replace(target, draft);
      }
      told.finish();
    },
    [Symbol.asyncDispose]: () => disposeAll(held),
  };
}

async function handOver(
  bytes: AsyncIterable<Uint8Array>,
  output: (bytes: Uint8Array) => Promise<void>,
): Promise<void> {
  for await (const chunk of gathered(bytes, step)) await output(chunk);
}

async function* archiveBytes(
  staged: Staged,
  { format, gzip = false }: Pick<CreateArchiveOptions, 'format' | 'gzip'>,
  signal?: AbortSignal,
): AsyncIterable<Uint8Array> {
  const tar = writeTar(filesOf[format](staged));
  // The layers are compressed already: more effort than the least would gain nothing.
  for await (const chunk of gzip ? gzipped(tar, { level: 1 }) : tar) {
    signal?.throwIfAborted();
    yield chunk;
  }
}

const filesOf: Readonly<
  Record<
    CreateArchiveOptions['format'],
    (staged: Staged) => AsyncIterable<TarFileWithBody> | Iterable<TarFileWithBody>
  >
> = { oci: ociFiles, docker: dockerFiles, legacy: legacyFiles };

/** How often a blob is read: the tar says before a file how long it is, and an unpacked one must be read for that. */
const readsFor: Readonly<Record<CreateArchiveOptions['format'], number>> = { oci: 1, docker: 1, legacy: 2 };
