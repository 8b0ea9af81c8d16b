import { type Content, mapContent } from '../../flow/content.ts';
import { gathered } from '../../flow/gather.ts';
import { prefetch } from '../../flow/prefetch.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { type Digest, digestAlgorithm } from '../../spec/digest.ts';
import type {
  IngestOptions,
  SignalOptions,
  StartOptions,
  WriteOptions,
  WriteOutcome,
} from '../../store/contract.ts';
import { noting } from '../../store/upload-mutex.ts';
import type { HeaderMap } from '../../wire/message.ts';
import { type Exchange, performBodiless } from '../exchange.ts';
import { habitsOf } from '../host-profiles.ts';
import { statBlob } from '../stat.ts';
import { refusedAsUnsupported, surelyOf } from '../stored.ts';
import { mountBlob } from './mount.ts';
import { askBySelfMount, probeSelfMount } from './mount-probe.ts';
import { planChunks, planStreamChunks, type UploadOptions } from './plan.ts';
import { sendBlob } from './resume.ts';
import { openedUpload, type RemoteUpload } from './session.ts';
import { sendStream } from './stream.ts';

/** One repository's uploads. */
export interface Uploading {
  readonly exchange: Exchange;
  readonly repository: string;
  readonly options: UploadOptions;
}

/**
 * How a blob gets there, the cheapest way first: it exists, it is mounted, it is sent. A mount that is declined leaves a
 * session behind, which is used; so where the registry allows it, beginning an upload also asks for a mount from anywhere.
 */
export function writeBlob(
  uploading: Uploading,
  blob: Descriptor,
  content: Content,
  options: WriteOptions = {},
): Promise<WriteOutcome> {
  const { exchange, repository } = uploading;
  // What is at hand is checked by the registry; what comes from another party is checked before it is passed on.
  const bytes = surelyOf(blob, content.remote === true ? inPieces(content) : (content.unverified ?? content));
  const writing = async (moved: () => void): Promise<WriteOutcome> => {
    const written = writeOnce(uploading, blob, bytes, noting(options, moved));
    const [outcome] = await Promise.all([written, probeSelfMount(exchange, repository, options)]);
    return outcome;
  };
  if (options.replace === true) exchange.capabilities.recentWrites.forget(repository, blob.digest);
  return exchange.capabilities.recentWrites.write(repository, blob.digest, writing, options);
}

/** Bytes from which on it shows that a network brings 64 KiB at a time, each of which costs as much to send as more. */
const largeBlob = 32 * 1024 * 1024;
const piece = 256 * 1024;

function inPieces(content: Content): Content {
  if ((content.size ?? 0) < largeBlob) return content;
  return mapContent(content, (source) => gathered(source, piece));
}

async function writeOnce(
  uploading: Uploading,
  blob: Descriptor,
  content: Content,
  options: WriteOptions,
): Promise<WriteOutcome> {
  const { exchange, repository } = uploading;
  const { holders, selfMounts } = exchange.capabilities;
  const found = options.replace === true ? undefined : await findBlob(uploading, blob, options);
  if (found === 'existed' || found === 'mounted') {
    holders.note(blob.digest, repository);
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
    // Given up while it waited for its turn: nobody else knows of the session.
    if (!begun) await found?.cancel();
    throw error;
  }
  holders.note(blob.digest, repository);
  if (outcome === 'uploaded') selfMounts.sent(repository, blob.digest);
  return outcome;
}

/** Whether the blob is there by now, or the upload that a question for it has left behind. */
async function findBlob(
  uploading: Uploading,
  blob: Descriptor,
  options: WriteOptions,
): Promise<'existed' | 'mounted' | RemoteUpload | undefined> {
  const { exchange, repository } = uploading;
  const sources = mountSources(uploading, blob.digest, options);
  const asked = sources.size === 0 ? await askBySelfMount(exchange, repository, blob, options) : undefined;
  if (asked !== undefined) return asked;
  if ((await statWhole(exchange, repository, blob, options)) !== undefined) return 'existed';
  return mountFrom(sources, uploading, blob.digest, options);
}

/**
 * The blob, where the registry has it with the size that it should have. With another one it is cut off, a web page, or
 * described wrongly: it is sent, and its bytes tell which.
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

/** Content whose digest is learned on the way, in one pass. */
export async function ingestContent(
  { exchange, repository, options: upload }: Uploading,
  content: Content,
  options: IngestOptions = {},
): Promise<Descriptor> {
  const { algorithm, mediaType, onProgress, signal } = options;
  const habits = habitsOf(exchange.registry);
  const blob = await sendStream(
    {
      content,
      algorithm: algorithm ?? 'sha256',
      start: () => startUpload(exchange, repository, options),
      find: (digest) => statBlob(exchange, repository, digest, { signal }),
      chunk: ({ limits }) => planStreamChunks(limits, habits, upload),
      headers: commitHeaders(upload, mediaType),
    },
    { retry: upload.retry, onProgress, signal },
  );
  exchange.capabilities.holders.note(blob.digest, repository);
  return mediaType === undefined ? blob : { ...blob, mediaType };
}

/** The repositories that are known to have the blob. */
function mountSources(
  { exchange, repository, options: { mountOrigin } }: Uploading,
  digest: Digest,
  { mountFrom = [] }: WriteOptions,
): ReadonlySet<string> {
  const sources = new Set([...mountFrom, ...exchange.capabilities.holders.of(digest)]);
  if ((mountOrigin ?? exchange.registry) === exchange.registry) sources.delete(repository);
  return sources;
}

/** Asks one after the other; a session that one leaves behind is the upload's. */
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
}

async function beginAndSend(
  uploading: Uploading,
  { blob, content, session: left }: Bytes,
  options: WriteOptions,
): Promise<WriteOutcome> {
  const { exchange, repository } = uploading;
  const ahead = left === undefined && isSoonNeeded(exchange, content) ? prefetch(content) : undefined;
  try {
    const session =
      options.replace === true
        ? undefined
        : (left ?? (await mountFromAnywhere(exchange, repository, blob.digest, options)));
    if (session === 'mounted') return 'mounted';
    await sendInSession(uploading, { blob, content: ahead?.content ?? content, session }, options);
    return 'uploaded';
  } finally {
    await ahead?.close();
  }
}

/** What of a blob is under way in vain, if it is mounted against expectation, is little in one of so many bytes. */
const smallBlob = 1024 * 1024;

/**
 * Whether the source may be asked while the upload is begun: it spares a round trip, and costs bytes where the answer is
 * that the blob was mounted. So not where that has happened, and for large blobs not before a mount was declined.
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
  { blob, content, session }: Bytes,
  { signal, onProgress, replace }: WriteOptions,
): Promise<void> {
  const habits = habitsOf(exchange.registry);
  const sending = {
    blob,
    content,
    start: () => startUpload(exchange, repository, { signal, ...algorithmOf(blob.digest) }),
    find: () => statWhole(exchange, repository, blob, { signal }),
    chunk: ({ limits }: RemoteUpload) => planChunks(blob.size, limits, habits, upload),
    headers: commitHeaders(upload, blob.mediaType),
    ...(session === undefined ? {} : { session }),
    ...(replace === undefined ? {} : { replaces: replace }),
  };
  const options = { retry: upload.retry, onProgress, signal };
  await refusedAsUnsupported(blob.digest, () => sendBlob(sending, options));
}

/** Costs nothing where it is understood: declined, it has begun the upload. Others are asked once (Quay said 400). */
async function mountFromAnywhere(
  exchange: Exchange,
  repository: string,
  digest: Digest,
  options: SignalOptions,
): Promise<'mounted' | RemoteUpload | undefined> {
  if (exchange.capabilities.mounts.isUnderstood() === false) return undefined;
  return mountBlob(exchange, repository, { digest }, options);
}

export async function startUpload(
  exchange: Exchange,
  repository: string,
  { signal, algorithm }: StartOptions = {},
): Promise<RemoteUpload> {
  // sha256 is what every registry takes for granted, so it is not said.
  const named = algorithm === undefined || algorithm === 'sha256' ? {} : { algorithm };
  const answer = await performBodiless(exchange, { kind: 'upload.start', repository, ...named }, [202], {
    signal,
  });
  return openedUpload(exchange, repository, answer);
}

function commitHeaders({ sendMediaType = false }: UploadOptions, mediaType: string | undefined): HeaderMap {
  return sendMediaType && mediaType !== undefined ? { 'oci-layer-media-type': [mediaType] } : {};
}

function algorithmOf(digest: Digest): Pick<StartOptions, 'algorithm'> {
  return digestAlgorithm(digest) === 'sha512' ? { algorithm: 'sha512' } : {};
}
