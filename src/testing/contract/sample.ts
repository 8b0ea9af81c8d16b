import assert from 'node:assert/strict';
import { isGantryError } from '../../errors.ts';
import { collect } from '../../flow/collect.ts';
import { bytesContent, type Content, type OpenOptions } from '../../flow/content.ts';
import { digestOf } from '../../flow/hash.ts';
import type { Annotations, Descriptor } from '../../spec/descriptor.ts';
import type { Algorithm } from '../../spec/digest.ts';
import type { ImageManifest, IndexManifest, Manifest, ManifestBody } from '../../spec/manifest.ts';
import { MediaType } from '../../spec/media-type.ts';
import { given } from '../../spec/options.ts';
import type { Repository } from '../../store/contract.ts';

export interface SampleBlob {
  readonly descriptor: Descriptor;
  readonly bytes: Uint8Array;
  readonly content: Content;
}

export function blobOf(data: string | Uint8Array, algorithm: Algorithm = 'sha256'): SampleBlob {
  const bytes = typeof data === 'string' ? new TextEncoder().encode(data) : data;
  const digest = digestOf(bytes, algorithm);
  const descriptor = { mediaType: MediaType.octetStream, digest, size: bytes.byteLength };
  return { descriptor, bytes, content: bytesContent(bytes) };
}

/** Returns bytes that look random and are the same in every run. */
export function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = 0x9e3779b9;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

/**
 * Yields the bytes in chunks of `step` that share one buffer, as the contract of Content allows. It is Node's Buffer,
 * and its `slice` is a view: the test fails for a sink that takes it for a copy.
 */
export function reusingContent(bytes: Uint8Array, step: number): Content {
  return {
    size: bytes.byteLength,
    replayable: true,
    async *open({ from = 0, to = bytes.byteLength }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      const buffer = Buffer.alloc(step);
      for (let at = from; at < to; at += step) {
        const part = bytes.subarray(at, Math.min(at + step, to));
        buffer.set(part);
        yield buffer.subarray(0, part.byteLength);
      }
    },
  };
}

/** Yields the first `length` bytes and then calls `fail`, which should throw or abort. */
export function brokenContent(bytes: Uint8Array, length: number, fail: () => void): Content {
  return {
    size: bytes.byteLength,
    replayable: true,
    async *open({ from = 0, signal }: OpenOptions = {}): AsyncIterable<Uint8Array> {
      yield bytes.subarray(from, from + length);
      fail();
      signal?.throwIfAborted();
      yield bytes.subarray(from + length);
    },
  };
}

interface SampleParts {
  readonly config?: SampleBlob;
  readonly layers?: readonly SampleBlob[];
  readonly subject?: Descriptor;
  readonly artifactType?: string;
  readonly annotations?: Annotations;
  readonly algorithm?: Algorithm;
}

/** Creates an image manifest. The spacing of its JSON reveals a place that rewrites it. */
export function imageOf({
  config = emptyConfig,
  layers = [],
  algorithm = 'sha256',
  ...rest
}: SampleParts = {}): Manifest {
  const body: ImageManifest = {
    kind: 'image',
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    config: { ...config.descriptor, mediaType: MediaType.ociConfig },
    layers: layers.map(({ descriptor }) => ({ ...descriptor, mediaType: MediaType.ociLayerGzip })),
    ...rest,
  };
  return manifestOf(body, MediaType.ociManifest, algorithm);
}

export function indexOf(manifests: readonly Descriptor[], rest: Omit<SampleParts, 'config'> = {}): Manifest {
  const { algorithm = 'sha256', subject, artifactType, annotations } = rest;
  const body: IndexManifest = {
    kind: 'index',
    schemaVersion: 2,
    mediaType: MediaType.ociIndex,
    manifests,
    ...given({ subject, artifactType, annotations }),
  };
  return manifestOf(body, MediaType.ociIndex, algorithm);
}

function manifestOf(body: ManifestBody, mediaType: string, algorithm: Algorithm): Manifest {
  const { kind, ...json } = body;
  assert.ok(kind !== 'unknown');
  const bytes = new TextEncoder().encode(`${JSON.stringify(json, undefined, 3)}\n\n`);
  const digest = digestOf(bytes, algorithm);
  return { descriptor: { mediaType, digest, size: bytes.byteLength }, bytes, body };
}

export const emptyConfig: SampleBlob = blobOf('{"os":"linux","architecture":"amd64"}');

/** Writes blobs to a repository. */
export async function give({ blobs }: Repository, ...samples: readonly SampleBlob[]): Promise<void> {
  for (const { descriptor, content } of samples) await blobs.write(descriptor, content);
}

/** Puts a manifest that names no blob except its config. */
export async function giveImage(
  repository: Repository,
  parts: Omit<SampleParts, 'config'> = {},
  ...tags: readonly string[]
): Promise<Manifest> {
  await give(repository, emptyConfig, ...(parts.layers ?? []));
  const manifest = imageOf(parts);
  await repository.manifests.put(manifest, { tags });
  return manifest;
}

export function read(content: Content, options: OpenOptions = {}): Promise<Uint8Array> {
  return collect(content.open(options), { limit: 64 * 1024 * 1024, what: 'a sample' });
}

export async function listOf<T>(source: AsyncIterable<T>): Promise<T[]> {
  const items: T[] = [];
  for await (const item of source) items.push(item);
  return items;
}

/** Checks that the promise rejects with a gantry error that has one of the codes. */
export async function failsWith(promise: Promise<unknown>, ...codes: readonly string[]): Promise<void> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (isGantryError(error) && codes.includes(error.code)) return;
  assert.fail(error === undefined ? `expected ${codes.join(' or ')}, got no error` : describe(error, codes));
}

function describe(error: unknown, codes: readonly string[]): Error {
  const said = isGantryError(error) ? `${error.code}: ${error.message}` : String(error);
  return new Error(`expected ${codes.join(' or ')}, got ${said}`, { cause: error });
}
