import { ContentError } from '../errors.ts';
import { collect, discard } from '../flow/collect.ts';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { computableAlgorithm, type Digest, digestAlgorithm, isDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { parseMediaType } from '../spec/media-type.ts';
import { checkBytes } from '../store/admission.ts';
import type { Manifests, SignalOptions } from '../store/contract.ts';
import { descriptorOf, digestHeader } from '../wire/decode.ts';
import { headerValue } from '../wire/headers.ts';
import { type Exchange, perform, performBodiless } from './exchange.ts';

export function remoteManifests(exchange: Exchange, repository: string): Manifests {
  return {
    resolve: (reference, options) => resolve(exchange, repository, reference, options),

    get: (reference, options) => get(exchange, repository, reference, options),

    async put(manifest, { tags = [], signal } = {}) {
      // Put under a tag, a registry can't know what the bytes were meant to be.
      checkBytes(manifest);
      const references = tags.length === 0 ? [manifest.descriptor.digest] : tags;
      for (const reference of references) {
        await performBodiless(
          exchange,
          { kind: 'manifest.put', repository, reference, tags: [] },
          [201, 200, 202],
          {
            body: bytesContent(manifest.bytes),
            mediaType: manifest.descriptor.mediaType,
            signal,
          },
        );
      }
    },

    async delete(digest, options) {
      const operation = { kind: 'manifest.delete', repository, reference: digest } as const;
      const { response } = await performBodiless(exchange, operation, [202, 200, 204, 404], options);
      return response.status !== 404;
    },
  };
}

/**
 * One HEAD. Registries that refuse it (405), or leave out of its answer what a descriptor needs, are asked with a GET
 * whose body is hashed.
 */
async function resolve(
  exchange: Exchange,
  repository: string,
  reference: string,
  options: SignalOptions = {},
): Promise<Descriptor | undefined> {
  const operation = { kind: 'manifest.head', repository, reference } as const;
  const { response } = await performBodiless(exchange, operation, [200, 404, 405], options);
  if (response.status === 404) return undefined;
  const asked = isDigest(reference) ? { digest: reference } : {};
  const descriptor = response.status === 200 ? descriptorOf(response, asked) : undefined;
  if (descriptor !== undefined) return descriptor;
  const found = await fetchManifest(exchange, repository, reference, [200, 404], options);
  return found?.descriptor;
}

async function get(
  exchange: Exchange,
  repository: string,
  reference: string,
  options: SignalOptions = {},
): Promise<Manifest> {
  const manifest = await fetchManifest(exchange, repository, reference, [200], options);
  if (manifest === undefined)
    throw new ContentError('MANIFEST_INVALID', `${repository}: no manifest ${reference}`);
  return manifest;
}

async function fetchManifest(
  exchange: Exchange,
  repository: string,
  reference: string,
  accept: readonly number[],
  options: SignalOptions,
): Promise<Manifest | undefined> {
  const what = `manifest ${reference} of ${repository}`;
  const operation = { kind: 'manifest.get', repository, reference } as const;
  const { response } = await perform(exchange, operation, accept, options);
  if (response.status === 404) {
    await discard(response.body);
    return undefined;
  }
  const type = headerValue(response.headers, 'content-type');
  const bytes = await collect(response.body, { limit: manifestLimit, what });
  const digest = verifiedDigest(
    bytes,
    isDigest(reference) ? reference : undefined,
    digestHeader(response),
    what,
  );
  return parseManifest(bytes, { digest, ...(type === undefined ? {} : { mediaType: parseMediaType(type) }) });
}

/**
 * The digest of the bytes. Asked for by digest they must have it; asked for by tag, what the registry says of them
 * must be true. Throws DIGEST_INVALID.
 */
function verifiedDigest(
  bytes: Uint8Array,
  asked: Digest | undefined,
  said: Digest | undefined,
  what: string,
): Digest {
  const expected = asked ?? (said !== undefined && isComputable(said) ? said : undefined);
  if (expected === undefined) return digestOf(bytes);
  const actual = digestOf(bytes, computableAlgorithm(expected));
  if (actual === expected) return actual;
  throw new ContentError('DIGEST_INVALID', `${what}: the bytes have digest ${actual}, not ${expected}`, {
    expected,
    actual,
  });
}

function isComputable(digest: Digest): boolean {
  return ['sha256', 'sha512'].includes(digestAlgorithm(digest));
}
