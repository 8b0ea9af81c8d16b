import { isGantryError, NotFoundError, TransportError } from '../errors.ts';
import { isSpoilt } from '../flow/verify.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import type { Manifests, SignalOptions } from '../store/contract.ts';
import { failed, fromUpstream, type ProxiedRepository } from './source.ts';
import { isSilence } from './upstream.ts';

/** A stored manifest is always right for its digest. The target of a tag is known only to the upstream. */
export function openManifests(source: ProxiedRepository): Pick<Manifests, 'resolve' | 'get'> {
  return {
    resolve: (reference, options) => resolve(source, reference, options),
    async get(reference, options = {}) {
      const found = isDigest(reference) ? reference : (await resolve(source, reference, options))?.digest;
      if (found !== undefined) return get(source, found, options);
      throw new NotFoundError('MANIFEST_UNKNOWN', `${source.name} has no manifest ${reference}`);
    },
  };
}

async function resolve(
  source: ProxiedRepository,
  reference: string,
  options: SignalOptions = {},
): Promise<Descriptor | undefined> {
  const { name, cache, upstream, resolving } = source;
  const what = `manifest ${name} ${reference}`;
  if (!isDigest(reference)) {
    return (
      source.tags.fresh(name, reference) ??
      resolving(what, (own) => resolveTag(source, reference, what, own), options)
    );
  }
  const kept = await cache.manifests.resolve(reference, options);
  if (kept !== undefined) return kept;
  const ask = (own: SignalOptions) =>
    fromUpstream(source, what, () => upstream.manifests.resolve(reference, own));
  return resolving(what, ask, options);
}

/** Sends a HEAD: registries that count pulls (Docker Hub) count only GETs, so an unchanged tag costs nothing. */
async function resolveTag(
  source: ProxiedRepository,
  tag: string,
  what: string,
  options: SignalOptions,
): Promise<Descriptor | undefined> {
  const { name, cache, tags, silence, onFailure } = source;
  const kept = await cache.manifests.resolve(tag, options);
  if (kept !== undefined && silence.lasts()) return kept;
  let found: Descriptor | undefined;
  try {
    found = await askTag(source, tag, { ...options, hurry: kept !== undefined });
  } catch (error) {
    if (kept === undefined || !isSilence(error)) throw failed(source, what, error);
    silence.begin();
    onFailure({ what, error, served: true });
    return kept;
  }
  if (found === undefined) {
    tags.forget(name, tag);
    // Otherwise the tag would return as soon as the upstream is unreachable.
    if (kept !== undefined) await cache.tags.delete(tag, options);
    return undefined;
  }
  tags.see(name, tag, found);
  if (kept?.digest !== found.digest) await moveTag(source, found.digest, options);
  return found;
}

/**
 * Asks the upstream for a tag. With `hurry`, since a cached answer exists, it waits only for the `patience`.
 * @throws TIMED_OUT after that
 */
async function askTag(
  { upstream, silence, stop }: ProxiedRepository,
  tag: string,
  { signal = stop, hurry }: SignalOptions & { readonly hurry: boolean },
): Promise<Descriptor | undefined> {
  if (!hurry) return upstream.manifests.resolve(tag, { signal });
  const limit = new AbortController();
  const timer = setTimeout(() => limit.abort(), silence.patience);
  try {
    return await upstream.manifests.resolve(tag, { signal: AbortSignal.any([signal, limit.signal]) });
  } catch (error) {
    if (!limit.signal.aborted || signal.aborted) throw error;
    throw new TransportError('TIMED_OUT', `the upstream sent no answer within ${silence.patience / 1000} s`);
  } finally {
    clearTimeout(timer);
  }
}

/** Only a stored manifest can get the tag. Any other gets it when it is fetched. */
async function moveTag(source: ProxiedRepository, digest: Digest, options: SignalOptions): Promise<void> {
  const manifest = await keptManifest(source, digest, options);
  if (manifest !== undefined) await keep(source, manifest, options);
}

async function get(source: ProxiedRepository, digest: Digest, options: SignalOptions): Promise<Manifest> {
  const manifest = (await keptManifest(source, digest, options)) ?? (await fetched(source, digest, options));
  source.sizes.see(source.name, manifest);
  return manifest;
}

async function fetched(source: ProxiedRepository, digest: Digest, options: SignalOptions): Promise<Manifest> {
  const { name, upstream, getting } = source;
  const what = `manifest ${name} ${digest}`;
  const ask = async (own: SignalOptions): Promise<Manifest> => {
    const manifest = await fromUpstream(source, what, () => upstream.manifests.get(digest, own));
    await keep(source, manifest, own);
    return manifest;
  };
  return getting(what, ask, options);
}

async function keptManifest(
  { cache }: ProxiedRepository,
  digest: Digest,
  options: SignalOptions,
): Promise<Manifest | undefined> {
  try {
    return await cache.manifests.get(digest, options);
  } catch (error) {
    // A damaged manifest is fetched and stored again.
    if (isGantryError(error, 'MANIFEST_UNKNOWN') || isSpoilt(error)) return undefined;
    throw error;
  }
}

/**
 * Stores a manifest under every tag that the upstream has named for it. A cache that refuses writes (full, read-only)
 * does not disturb its readers.
 */
async function keep(source: ProxiedRepository, manifest: Manifest, { signal }: SignalOptions): Promise<void> {
  const { name, cache, tags, onFailure } = source;
  const { digest } = manifest.descriptor;
  try {
    await cache.manifests.put(manifest, { tags: tags.of(name, digest), sparse: true, signal });
  } catch (error) {
    signal?.throwIfAborted();
    if (!isGantryError(error)) throw error;
    onFailure({ what: `manifest ${name} ${digest} could not be stored`, error, served: true });
  }
}
