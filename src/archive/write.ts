import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { InputError } from '../errors.ts';
import { removeDeadLock, takeLock } from '../files/lock.ts';
import { gzipped } from '../flow/compression.ts';
import { gathered } from '../flow/gather.ts';
import { createWorkLedger, type WorkLedger, type WorkObserver } from '../flow/work.ts';
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
import { createStagedBlobs, isStagedBlob } from './staged-blobs.ts';
import { checkName, createStagedManifests } from './staged-manifests.ts';
import { draftFor, fileToReplace, kindOf, replace, type TargetKind } from './target-file.ts';
import { toldStaged } from './told.ts';
import { union } from './union.ts';

/** Settings of `createArchive`. */
export interface CreateArchiveOptions extends SignalOptions {
  /**
   * `docker`: an OCI layout that `docker load` accepts, too. `legacy`: the form of Docker before version 25.
   */
  readonly format: 'docker' | 'oci' | 'legacy';
  /**
   * Compresses the whole archive.
   * @defaultValue `false`
   */
  readonly gzip?: boolean | undefined;
  /**
   * If an archive exists: `replace` it, or `add` to it. Adding keeps its whole content, its docker form and
   * its compression; a name on both sides means the new image. Two processes that add at the same time wait
   * for each other.
   */
  readonly existing?: 'replace' | 'add' | undefined;
  /**
   * Milliseconds to wait for another process that adds to the same archive. Default: no wait. `Infinity`:
   * until the signal.
   */
  readonly wait?: number | undefined;
  /** Called once, after two seconds of waiting, with the reason. */
  readonly onWait?: ((reason: string) => void) | undefined;
  /** Receives the progress of unpacking the archive that is added to, and of writing at the commit. */
  readonly onWork?: WorkObserver | undefined;
  /**
   * Receives the bytes of the archive at the commit, instead of a file; `path` is then its name in errors.
   */
  readonly output?: ((bytes: Uint8Array) => Promise<void>) | undefined;
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
 * Opens a repository that becomes the file at `path` in one step when it is committed; disposing it before
 * leaves nothing. Tags may be full names (`alpine:3`), which `docker load` needs. Equal content makes equal
 * bytes. A link is followed, also to a file that does not exist yet.
 *
 * Until the commit, blobs are in a folder beside the file, because they arrive in any order and in parallel.
 * Throws NO_PERMISSION, NO_SPACE, NAME_UNKNOWN for a missing folder, INVALID_OPTION for a path that is a
 * folder; for adding also IN_USE, and MANIFEST_INVALID for a file that is no archive or incomplete.
 */
export async function createArchive(path: string, options: CreateArchiveOptions): Promise<Repository> {
  checkArgument('createArchive', 'path', path, text);
  checkOptions('createArchive', options, shape, ['format']);
  return createArchiveCounted(path, options, createWorkLedger(options.onWork));
}

/** As `createArchive`, with work that adds to other work. Does not call `onWork`. */
export async function createArchiveCounted(
  path: string,
  options: CreateArchiveOptions,
  works: WorkLedger,
): Promise<Repository> {
  const { output } = options;
  const kind = output === undefined ? await kindOf(path) : 'pipe';
  if (kind === 'folder') {
    const advice = 'name a file in it, or write a layout, which is a folder';
    throw new InputError('INVALID_OPTION', `${path} is a folder, and an archive is a file: ${advice}`);
  }
  const target = kind === 'pipe' ? path : await fileToReplace(path, kind);
  // On the disk of the file, so that a rename suffices at the end. Beside `/dev/stdout` nothing can be
  // created.
  const parent = kind === 'pipe' ? tmpdir() : dirname(target);
  const work = { name: basename(target), isUseful: isStagedBlob };
  const draft = await draftFor(path, parent, work);
  const held: Disposal[] = [async () => draft[Symbol.asyncDispose]()];
  try {
    const isAdded = options.existing === 'add' && kind !== 'pipe';
    const base = isAdded ? await baseAt(target, held, options, works) : undefined;
    if (!isAdded && kind !== 'pipe') await removeDeadLock(lockOf(target)).catch(() => undefined);
    return draftOf({ path, target, kind, folder: draft.path, base, held, works }, options);
  } catch (error) {
    await disposeAll(held);
    throw error;
  }
}

type Disposal = () => Promise<void>;

/** Disposes the newest first, because it depends on the older ones. */
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

/**
 * Opens the archive that is added to, with a lock against other processes; undefined if it does not exist.
 */
async function baseAt(
  target: string,
  held: Disposal[],
  { signal, wait = 0, onWait }: CreateArchiveOptions,
  works: WorkLedger,
): Promise<Base | undefined> {
  const lock = await takeLock(lockOf(target), { what: target, wait, onWait, signal });
  held.push(async () => lock[Symbol.asyncDispose]());
  // An empty file is a prepared place, as mktemp makes it.
  const found =
    (await kindOf(target)) === 'file' ? await onArchiveFile(target, () => stat(target)) : undefined;
  if (found === undefined || found.size === 0) return undefined;
  const base = await openBase(target, { signal }, works);
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
  readonly works: WorkLedger;
}

function draftOf(
  { path, target, kind, folder, base, held, works }: Draft,
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
      // The content so far can be loaded, or the archive is an OCI archive.
      if (base === undefined && options.format !== 'oci') refuseUnloadable(path, root);
    },
    async commit({ signal } = {}) {
      signal?.throwIfAborted();
      const added = { path, manifests, blobs };
      const whole = base === undefined ? added : union(added, base);
      const told = toldStaged(whole, readsFor[form.format], works.of('write'));
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
  // The layers are compressed already, so a higher level gains nothing.
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

/**
 * The number of readings of each blob. A tar has the size of a file before its bytes, so a blob that is
 * unpacked is read twice.
 */
const readsFor: Readonly<Record<CreateArchiveOptions['format'], number>> = { oci: 1, docker: 1, legacy: 2 };
