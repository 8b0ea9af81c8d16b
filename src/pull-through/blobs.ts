import { NotFoundError, StorageError } from '../errors.ts';
import type { Content, OpenOptions } from '../flow/content.ts';
import { isSpoilt } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { MediaType } from '../spec/media-type.ts';
import type { Blobs, SignalOptions } from '../store/contract.ts';
import { BlobFetch } from './fetch.ts';
import { failed, fromUpstream, type ProxiedRepository } from './source.ts';

/** Serves cached blobs without asking the upstream. Fetches others once and streams them while it stores them. */
export function openBlobs(source: ProxiedRepository): Pick<Blobs, 'stat' | 'statToRead' | 'open'> {
  return {
    stat: (digest, options) => stat(source, digest, options),
    statToRead: (digest, options) => stat(source, digest, { ...options, reading: true }),
    open(blob): Content {
      const size = typeof blob === 'string' ? {} : { size: blob.size };
      return { ...size, replayable: true, open: (part = {}) => read(source, blob, part) };
    },
  };
}

async function stat(
  source: ProxiedRepository,
  digest: Digest,
  { reading = false, ...options }: SignalOptions & { readonly reading?: boolean } = {},
): Promise<Descriptor | undefined> {
  const { cache, upstream, resolving, fetches } = source;
  const what = nameOf(source, digest);
  const running = (): BlobFetch | undefined => fetches.get(what);
  const kept = running() === undefined ? await cache.blobs.stat(digest, options) : undefined;
  if (kept !== undefined) return kept;
  const fetch = running() ?? (reading ? begin(source, digest) : undefined);
  if (fetch !== undefined) return begunOrAbsent(fetch, options);
  const ask = async (own: SignalOptions): Promise<Descriptor | undefined> => {
    const there = await fromUpstream(source, what, () => upstream.blobs.stat(digest, own));
    // An upstream that is a cache itself, such as a proxy project of Harbor, may deny a blob until somebody reads it:
    // https://github.com/goharbor/harbor/issues/22609
    if (there === undefined) return begunOrAbsent(running() ?? begin(source, digest), own);
    // The upstream has confirmed that this repository has the blob, so a copy that came through another repository is
    // mounted.
    await cache.blobs.mount(digest, own);
    return there;
  };
  return resolving(what, ask, options);
}

async function begunOrAbsent(fetch: BlobFetch, options: SignalOptions): Promise<Descriptor | undefined> {
  try {
    return await fetch.begun(options);
  } catch (error) {
    if (error instanceof NotFoundError) return undefined;
    throw error;
  }
}

async function* read(
  source: ProxiedRepository,
  wanted: Digest | Descriptor,
  part: OpenOptions,
): AsyncIterable<Uint8Array> {
  const { name, cache, fetches } = source;
  const digest = typeof wanted === 'string' ? wanted : wanted.digest;
  const what = nameOf(source, digest);
  const running = (): BlobFetch | undefined => fetches.get(what);
  const kept = running() === undefined ? await cache.blobs.stat(digest, part) : undefined;
  if (kept !== undefined && (yield* fromCache(source, kept, wanted, part))) return;
  const fetch = running();
  if (fetch !== undefined) {
    yield* fetch.read(part);
    return;
  }
  const { from = 0, to = Number.POSITIVE_INFINITY } = part;
  if (from === 0 && to === Number.POSITIVE_INFINITY) {
    yield* begin(source, wanted).read(part);
    return;
  }
  const blob = typeof wanted === 'string' ? await stat(source, wanted, part) : wanted;
  if (blob === undefined) throw new NotFoundError('BLOB_UNKNOWN', `${name} has no blob ${digest}`);
  const isPart = from > 0 || to < blob.size;
  // The reader of a part may never want the rest. A part cannot be verified, so it is not stored.
  if (isPart && running() === undefined) yield* handThrough(source, blob, part);
  else yield* (running() ?? begin(source, blob)).read(part);
}

/**
 * Reads a blob from the cache. Drops a damaged one, so that the next reader fetches it again. Returns false if this
 * reader has received nothing and can fetch it itself.
 */
async function* fromCache(
  { cache }: ProxiedRepository,
  kept: Descriptor,
  wanted: Digest | Descriptor,
  part: OpenOptions,
): AsyncGenerator<Uint8Array, boolean> {
  let begun = false;
  try {
    for await (const chunk of cache.blobs.open(wanted).open(part)) {
      begun = true;
      yield chunk;
    }
    return true;
  } catch (error) {
    const unreadable = error instanceof StorageError;
    if (!isSpoilt(error) && !unreadable) throw error;
    const { digest } = kept;
    // A store that has noticed the damage already counts the blob as missing, and repairs it for all repositories.
    if (!unreadable && (await cache.blobs.stat(digest)) !== undefined) await cache.blobs.delete(digest);
    if (begun) throw error;
    // This reader has received nothing yet. If the right bytes have another length than announced, its answer ends
    // early.
    return false;
  }
}

async function* handThrough(
  source: ProxiedRepository,
  blob: Descriptor,
  part: OpenOptions,
): AsyncIterable<Uint8Array> {
  try {
    yield* source.upstream.blobs.open(blob).open(part);
  } catch (error) {
    part.signal?.throwIfAborted();
    throw failed(source, nameOf(source, blob.digest), error);
  }
}

function begin(source: ProxiedRepository, wanted: Digest | Descriptor): BlobFetch {
  const { name, cache, upstream, fetches, sizes, pool, stop } = source;
  const digest = typeof wanted === 'string' ? wanted : wanted.digest;
  const what = nameOf(source, digest);
  // With a known size, a large blob is fetched over several connections.
  const size = typeof wanted === 'string' ? sizes.of(name, digest) : wanted.size;
  const blob = size === undefined ? digest : { mediaType: MediaType.octetStream, digest, size };
  const fetch = new BlobFetch({
    digest,
    content: upstream.blobs.open(blob),
    cache: cache.blobs,
    pool,
    signal: stop,
    explain(error) {
      // The manifest may have named a wrong size.
      sizes.forget(name, digest);
      return error instanceof StorageError ? error : failed(source, what, error);
    },
  });
  fetches.set(what, fetch);
  void fetch.settled.then(() => fetches.delete(what));
  return fetch;
}

function nameOf({ name }: ProxiedRepository, digest: Digest): string {
  return `blob ${name} ${digest}`;
}
