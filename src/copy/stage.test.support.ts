import assert from 'node:assert/strict';
import { CopyError, isGantryError } from '../errors.ts';
import { digestOf } from '../flow/hash.ts';
import { parseManifest } from '../json/manifest.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createRemoteRegistry } from '../remote/registry.ts';
import { createApp } from '../server/app.ts';
import { children, type Manifest } from '../spec/manifest.ts';
import type { Platform } from '../spec/platform.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, giveImage, indexOf, listOf, read } from '../testing/contract/sample.ts';
import type { Send } from '../wire/message.ts';
import type { Note } from './watched.test.support.ts';

/** An empty repository in memory. */
export const place = (name = 'acme/app'): Repository => createMemoryRegistry().repository(name);

/** A manifest of any shape. */
export function manifestOf(mediaType: string, fields: object): Manifest {
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, mediaType, ...fields }));
  return parseManifest(bytes, { digest: digestOf(bytes), mediaType });
}

/** An image with a layer for each name. */
export const image = (...names: readonly string[]): Parameters<typeof giveImage>[1] => ({
  layers: names.map((name) => blobOf(name)),
});

export const linux = (architecture: string): Platform => ({ os: 'linux', architecture });

/** An index of two images that share their config and a layer. */
export async function giveIndex(
  repository: Repository,
  tag = 'v1',
): Promise<{ readonly index: Manifest; readonly one: Manifest; readonly two: Manifest }> {
  const one = await giveImage(repository, image('shared', 'one'));
  const two = await giveImage(repository, image('shared', 'two'));
  const index = indexOf([
    { ...one.descriptor, platform: { os: 'linux', architecture: 'amd64' } },
    { ...two.descriptor, platform: { os: 'linux', architecture: 'arm64' } },
  ]);
  await repository.manifests.put(index, { tags: [tag] });
  return { index, one, two };
}

/** Checks that all content of the manifests exists, byte for byte. */
export async function assertThere(repository: Repository, ...manifests: readonly Manifest[]): Promise<void> {
  for (const { descriptor, bytes, body } of manifests) {
    const there = await repository.manifests.get(descriptor.digest);
    assert.deepEqual(there.bytes, bytes);
    assert.equal(there.descriptor.mediaType, descriptor.mediaType);
    if (body.kind !== 'image') continue;
    for (const blob of children(body)) {
      assert.equal(digestOf(await read(repository.blobs.open(blob))), blob.digest);
    }
  }
}

/** Checks that all content of a manifest existed before the manifest was written. */
export function assertOrder(notes: readonly Note[], ...manifests: readonly Manifest[]): void {
  for (const { descriptor, body } of manifests) {
    const put = notes.findIndex(({ step, what }) => step === 'put' && what === descriptor.digest);
    assert.notEqual(put, -1);
    for (const { digest } of children(body)) {
      const child = notes.findIndex(
        ({ step, what }) => (step === 'wrote' || step === 'put') && what === digest,
      );
      assert.ok(child !== -1 && child < put, `${digest} comes before ${descriptor.digest}`);
    }
  }
}

/** Returns the error of a promise that must fail. */
export async function failureOf(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => assert.fail('it did not fail'),
    (error: unknown) => error,
  );
}

/** Returns the error of a copy, which must be a CopyError with an error of gantry as its cause. */
export async function copyFailure(promise: Promise<unknown>): Promise<{
  readonly side: string;
  readonly step: string;
  readonly digest: string | undefined;
  readonly cause: unknown;
}> {
  const error = await failureOf(promise);
  assert.ok(error instanceof CopyError, String(error));
  const { code, side, step, digest, cause } = error;
  // Users switch on the code of the reason.
  assert.equal(code, isGantryError(cause) ? cause.code : 'COPY_FAILED');
  return { side, step, digest, cause: isGantryError(cause) ? cause.code : cause };
}

/** Checks that the repository has no tag. */
export async function assertNothingNamed(repository: Repository): Promise<void> {
  const tags = listOf(repository.tags.list());
  assert.deepEqual(
    await tags.catch((error: unknown) => (isGantryError(error, 'NAME_UNKNOWN') ? [] : error)),
    [],
  );
}

/** A repository over HTTP and the same one without the protocol, with the requests so far. */
export interface OverProtocol {
  readonly remote: Repository;
  readonly inside: Repository;
  /** Method and path of each request, without the repository and digests. */
  readonly asked: string[];
}

/** Makes an empty repository over HTTP; `around` sees each request. */
export function overProtocol(around: (send: Send) => Send = (send) => send): OverProtocol {
  const memory = createMemoryRegistry();
  const send = around(createApp(memory));
  const asked: string[] = [];
  const registry = createRemoteRegistry({
    base: 'http://registry.test',
    send: (request) => {
      asked.push(`${request.method} ${request.url.replace(/.*\/acme\/app\//, '').replace(/:\w+|\?.*/g, '')}`);
      return send(request);
    },
  });
  const remote = registry.repository('acme/app', { actions: ['pull', 'push'] });
  return { remote, inside: memory.repository('acme/app'), asked };
}
