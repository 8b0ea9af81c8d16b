import type { Content } from '../../flow/content.ts';
import type { Pool } from '../../flow/pool.ts';
import { prefetch } from '../../flow/prefetch.ts';
import { profileOf } from '../../hosts/profiles.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { type Digest, isComputable } from '../../spec/digest.ts';
import type { SignalOptions, WriteOptions, WriteOutcome } from '../../store/contract.ts';
import type { StartOptions } from '../../store/upload.ts';
import { noting } from '../../store/upload-mutex.ts';
import type { Exchange } from '../exchange.ts';
import { statBlob } from '../stat.ts';
import { refusedAsUnsupported, surelyOf } from '../stored.ts';
import { UploadNote } from './journaled.ts';
import { mountBlob } from './mount.ts';
import { askBySelfMount, probeSelfMount } from './mount-probe.ts';
import { inPieces } from './pieces.ts';
import { planChunks, type UploadOptions } from './plan.ts';
import { sendBlob } from './resume.ts';
import type { RemoteUpload } from './session.ts';
import { commitHeaders, startUpload } from './start-upload.ts';

/** The uploads to one repository. */
export interface Uploading {
  readonly exchange: Exchange;
  readonly repository: string;
  readonly options: UploadOptions;
}

interface WriteBlobOptions extends WriteOptions {
  /** The pool of `Blobs.writeInPool`. */
  readonly pool?: Pool | undefined;
}

/**
 * Brings a blob into the repository in the cheapest way: it exists, it is mounted, or it is sent. A declined mount leaves a
 * session, which becomes the upload. So the start of an upload also asks for a mount from anywhere, if the registry permits it.
 */
export function writeBlob(
  uploading: Uploading,
  blob: Descriptor,
  content: Content,
  options: WriteBlobOptions = {},
): Promise<WriteOutcome> {
  const { exchange, repository } = uploading;
  // The registry verifies local content. Content from another party is verified before it goes out.
  const source = content.remote === true ? content : (content.unverified ?? content);
  const bytes = surelyOf(blob, inPieces(source, exchange.bandwidth));
  const writing = async (moved: () => void): Promise<WriteOutcome> => {
    const written = writeOnce(uploading, blob, bytes, noting(options, moved));
    const [outcome] = await Promise.all([written, probeSelfMount(exchange, repository, options)]);
    return outcome;
  };
  if (options.replace === true) exchange.capabilities.recentWrites.forget(repository, blob.digest);
  return exchange.capabilities.recentWrites.write(repository, blob.digest, writing, options);
}

async function writeOnce(
  uploading: Uploading,
  blob: Descriptor,
  content: Content,
  options: WriteBlobOptions,
): Promise<WriteOutcome> {
  const { exchange, repository } = uploading;
  const { holders, selfMounts } = exchange.capabilities;
  const found = options.replace === true ? undefined : await findBlob(uploading, blob, options);
  if (found === 'existed' || found === 'mounted') {
    holders.note(blob.digest, repository);
    await noteOf(uploading, { blob, content }, options)?.forget();
    return found;
  }
  let begun = false;
  const send = () => {
    begun = true;
    return beginAndSend(uploading, { blob, content, session: found }, options);
  };
  let outcome: WriteOutcome;
  try {
    outcome = await (options.pool === undefined
      ? send()
      : options.pool.run(send, { ...options, size: blob.size }));
  } catch (error) {
    // The upload ended while it waited for its turn, and no other code knows the session.
    if (!begun) await found?.cancel();
    throw error;
  }
  holders.note(blob.digest, repository);
  if (outcome === 'uploaded') selfMounts.sent(repository, blob.digest);
  return outcome;
}

/** Finds out whether the blob exists or can be mounted. Resolves with the session that a question has left, if any. */
async function findBlob(
  uploading: Uploading,
  blob: Descriptor,
  options: WriteOptions,
): Promise<'existed' | 'mounted' | RemoteUpload | undefined> {
  const { exchange, repository } = uploading;
  const sources = mountSources(uploading, blob.digest, options);
  const asked = sources.size === 0 ? await askBySelfMount(exchange, repository, blob, options) : undefined;
  if (asked !== undefined) return asked;
  const isNew = options.isNew === true && sources.size === 0;
  if (!isNew && (await statWhole(exchange, repository, blob, options)) !== undefined) return 'existed';
  return mountFrom(sources, uploading, blob.digest, options);
}

/**
 * Resolves with the blob if the registry has it with the expected size. With another size it is cut off, a web page, or has a
 * wrong descriptor: gantry sends it, and its bytes show the fault.
 */
async function statWhole(
  exchange: Exchange,
  repository: string,
  blob: Descriptor,
  options: SignalOptions,
): Promise<Descriptor | undefined> {
  const there = await statBlob(exchange, repository, blob.digest, options);
  return there?.size === blob.size ? there : undefined;
}

/** Returns the repositories that have the blob as far as gantry knows. */
function mountSources(
  { exchange, repository, options: { mountOrigin } }: Uploading,
  digest: Digest,
  { mountFrom = [] }: WriteOptions,
): ReadonlySet<string> {
  const sources = new Set([...mountFrom, ...exchange.capabilities.holders.of(digest)]);
  if ((mountOrigin ?? exchange.registry) === exchange.registry) sources.delete(repository);
  return sources;
}

/** Asks for a mount from one source after the other. Resolves with the session that the last one leaves. */
async function mountFrom(
  sources: ReadonlySet<string>,
  { exchange, repository, options: { mountOrigin } }: Uploading,
  digest: Digest,
  { mountFrom: named = [], ...options }: WriteOptions,
): Promise<'mounted' | RemoteUpload | undefined> {
  let session: RemoteUpload | undefined;
  for (const from of sources) {
    await session?.cancel(options);
    session = undefined;
    const origin = named.includes(from) ? mountOrigin : undefined;
    const outcome = await mountBlob(exchange, repository, { digest, from, origin }, options);
    if (outcome === 'mounted') return 'mounted';
    session = outcome;
  }
  return session;
}

interface Bytes {
  readonly blob: Descriptor;
  readonly content: Content;
  readonly session: RemoteUpload | undefined;
  readonly note?: UploadNote | undefined;
  /** Whether another process has started the session. */
  readonly isEarlier?: boolean;
}

async function beginAndSend(
  uploading: Uploading,
  { blob, content, session: left }: Bytes,
  options: WriteOptions,
): Promise<WriteOutcome> {
  const { exchange, repository } = uploading;
  const note = noteOf(uploading, { blob, content }, options);
  await using turn = await note?.turn(options).catch(async (error: unknown) => {
    await left?.cancel();
    throw error;
  });
  if (turn?.waited === true && (await statWhole(exchange, repository, blob, options)) !== undefined) {
    await left?.cancel(options);
    return 'existed';
  }
  const earlier = await note?.session(options);
  if (earlier !== undefined) {
    await left?.cancel(options);
    await sendInSession(uploading, { blob, content, session: earlier, note, isEarlier: true }, options);
    return 'uploaded';
  }
  const ahead = left === undefined && isSoonNeeded(exchange, content) ? prefetch(content) : undefined;
  try {
    const session =
      options.replace === true
        ? undefined
        : (left ?? (await mountFromAnywhere(exchange, repository, blob.digest, options)));
    if (session === 'mounted') return 'mounted';
    await sendInSession(uploading, { blob, content: ahead?.content ?? content, session, note }, options);
    return 'uploaded';
  } finally {
    await ahead?.close();
  }
}

/** Returns the journal's note on an upload that a later process could continue; undefined for any other upload. */
function noteOf(
  { exchange, repository, options: upload }: Uploading,
  { blob, content }: Pick<Bytes, 'blob' | 'content'>,
  { journal = upload.journal, replace = false }: WriteOptions,
): UploadNote | undefined {
  const isWhole = profileOf(exchange.registry).whole === true;
  if (journal === undefined || replace || isWhole || !content.replayable) return undefined;
  return new UploadNote(exchange, repository, blob, journal);
}

/** Bytes. Up to this size it is cheap to prefetch a blob that then turns out to be mountable. */
const smallBlob = 1024 * 1024;

/**
 * Returns whether to open the source while the upload starts. That saves a round trip, and costs bytes if the registry mounts
 * the blob. So gantry does not after a mount has succeeded, and for large blobs not before a mount was declined.
 */
function isSoonNeeded(
  { capabilities: { mounts } }: Exchange,
  { remote = false, size = 0 }: Content,
): boolean {
  if (!remote || mounts.hasSucceeded()) return false;
  return size <= smallBlob || mounts.isUnderstood() !== undefined;
}

async function sendInSession(
  { exchange, repository, options: upload }: Uploading,
  { blob, content, session, note, isEarlier = false }: Bytes,
  { signal, onProgress, replace }: WriteOptions,
): Promise<void> {
  const profile = profileOf(exchange.registry);
  const sending = {
    blob,
    content,
    start: () => startUpload(exchange, repository, { signal, ...computed(blob.digest) }),
    find: () => statWhole(exchange, repository, blob, { signal }),
    chunk: ({ limits }: RemoteUpload) => planChunks(blob.size, limits, profile, upload),
    headers: commitHeaders(upload, blob.mediaType),
    isEarlier,
    session,
    note,
    replaces: replace,
  };
  const options = { retry: upload.retry, onProgress, signal };
  await refusedAsUnsupported(blob.digest, () => sendBlob(sending, options));
}

/** Asks for a mount from any repository, which costs nothing: declined, it starts the upload. A refusal (Quay: 400) ends that. */
async function mountFromAnywhere(
  exchange: Exchange,
  repository: string,
  digest: Digest,
  options: SignalOptions,
): Promise<'mounted' | RemoteUpload | undefined> {
  if (exchange.capabilities.mounts.isUnderstood() === false) return undefined;
  return mountBlob(exchange, repository, { digest }, options);
}

/** A registry may keep a digest that gantry cannot compute. */
function computed(digest: Digest): Pick<StartOptions, 'digest'> {
  return isComputable(digest) ? { digest } : {};
}
