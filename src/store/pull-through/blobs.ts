import { NotFoundError, StorageError } from '../../errors.ts';
import type { Content, OpenOptions } from '../../flow/content.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Digest } from '../../spec/digest.ts';
import type { Blobs, SignalOptions } from '../contract.ts';
import { BlobFetch } from './fetch.ts';
import { failed, fromUpstream, type Source } from './source.ts';

/** What is kept is answered without asking; the rest is fetched once and streamed while it is stored. */
export function openBlobs(source: Source): Pick<Blobs, 'stat' | 'open'> {
  return {
    stat: (digest, options) => stat(source, digest, options),
    open(blob): Content {
      const size = typeof blob === 'string' ? {} : { size: blob.size };
      return { ...size, replayable: true, open: (part = {}) => read(source, blob, part) };
    },
  };
}

async function stat(
  source: Source,
  digest: Digest,
  options: SignalOptions = {},
): Promise<Descriptor | undefined> {
  const { cache, upstream, resolving, fetches } = source;
  const what = nameOf(source, digest);
  const known = fetches.get(what)?.blob ?? (await cache.blobs.stat(digest, options));
  if (known !== undefined) return known;
  const ask = async (own: SignalOptions): Promise<Descriptor | undefined> => {
    const there = await fromUpstream(source, what, () => upstream.blobs.stat(digest, own));
    // The upstream has said that it is in this repository, too: what came by way of another need not come again.
    if (there !== undefined) await cache.blobs.mount(digest, own);
    return there;
  };
  return resolving(what, ask, options);
}

async function* read(
  source: Source,
  wanted: Digest | Descriptor,
  part: OpenOptions,
): AsyncIterable<Uint8Array> {
  const { name, cache, fetches } = source;
  const digest = typeof wanted === 'string' ? wanted : wanted.digest;
  const what = nameOf(source, digest);
  const running = (): BlobFetch | undefined => fetches.get(what);
  if (running() === undefined && (await cache.blobs.stat(digest, part)) !== undefined) {
    yield* cache.blobs.open(wanted).open(part);
    return;
  }
  const blob = running()?.blob ?? (typeof wanted === 'string' ? await stat(source, wanted, part) : wanted);
  if (blob === undefined) throw new NotFoundError('BLOB_UNKNOWN', `${name} has no blob ${digest}`);
  const isPart = (part.from ?? 0) > 0 || (part.to ?? blob.size) < blob.size;
  // Who asks for a part may never want the rest; what has come of it can't be verified, so it isn't kept.
  if (isPart && running() === undefined) yield* handThrough(source, blob, part);
  else yield* (running() ?? begin(source, blob)).read(part);
}

async function* handThrough(source: Source, blob: Descriptor, part: OpenOptions): AsyncIterable<Uint8Array> {
  try {
    yield* source.upstream.blobs.open(blob).open(part);
  } catch (error) {
    part.signal?.throwIfAborted();
    throw failed(source, nameOf(source, blob.digest), error);
  }
}

function begin(source: Source, blob: Descriptor): BlobFetch {
  const { cache, upstream, fetches, pool, stop } = source;
  const what = nameOf(source, blob.digest);
  const fetch = new BlobFetch({
    blob,
    content: upstream.blobs.open(blob),
    cache: cache.blobs,
    pool,
    signal: stop,
    explain: (error) => (error instanceof StorageError ? error : failed(source, what, error)),
  });
  fetches.set(what, fetch);
  void fetch.settled.then(() => fetches.delete(what));
  return fetch;
}

function nameOf({ name }: Source, digest: Digest): string {
  return `blob ${name} ${digest}`;
}
