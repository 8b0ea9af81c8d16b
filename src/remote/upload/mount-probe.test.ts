import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesContent } from '../../flow/content.ts';
import { digestOf } from '../../flow/hash.ts';
import type { WriteOutcome } from '../../store/contract.ts';
import { answers, type Fate, passes, type ScriptedRegistry, scripted } from './scripted.test.support.ts';

/** Sent blobs after which the probe pays. */
const many = 16;

function blobOf(at: number, size = 100) {
  const bytes = new Uint8Array(size).fill(at);
  const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size };
  return { descriptor, content: bytesContent(bytes) };
}

/** Starts an upload in place of every mount. */
const begins: Fate = (send, request) => send({ ...request, url: request.url.replace(/\?.*/, '') });

/** Writes one more blob. Returns the outcome and the requests. */
async function written(
  { repository, asked }: ScriptedRegistry,
  at: number,
  size?: number,
): Promise<readonly [WriteOutcome, ...string[]]> {
  const before = asked.length;
  const { descriptor, content } = blobOf(at, size);
  const outcome = await repository.blobs.write(descriptor, content);
  return [outcome, ...asked.slice(before)];
}

/** A registry after many blobs, sent one after the other. The later mounts have the fates `mounts`. */
async function worn(...mounts: readonly Fate[]): Promise<ScriptedRegistry> {
  const registry = scripted({ mount: [...Array.from({ length: many }, () => passes), ...mounts] });
  for (let at = 0; at < many; at++) {
    assert.deepEqual(await written(registry, at), ['uploaded', 'blob.head', 'mount', 'commit']);
  }
  return registry;
}

/** The requests of the probe beside those of the blob: a mount from anywhere, and one from the repository itself. */
const findingOut = ['cancel', 'mount', 'mount'];
const apart = ['blob.head', 'mount', 'commit'];
const inOne = ['mount', 'commit'];

describe('one request for the existence and the upload of a blob', () => {
  it('one request asks for a blob and starts its upload, if the registry mounts existing blobs from their own repository', async () => {
    const registry = await worn();
    const [outcome, ...asked] = await written(registry, many);
    assert.deepEqual([outcome, asked.toSorted()], ['uploaded', [...apart, ...findingOut].toSorted()]);
    assert.deepEqual(await written(registry, many + 1), ['uploaded', ...inOne]);
    const { descriptor, content } = blobOf(many + 2);
    await registry.inside.blobs.write(descriptor, content);
    assert.deepEqual(await written(registry, many + 2), ['existed', 'mount']);
  });

  it('a large blob takes two requests, since its turn may come late', async () => {
    const registry = await worn();
    await written(registry, many);
    assert.deepEqual(await written(registry, 1, 1024 * 1024), ['uploaded', ...inOne]);
    assert.deepEqual(await written(registry, 1, 1024 * 1024 + 1), ['uploaded', ...apart]);
  });

  it('a blob takes two requests if the registry declines such mounts', async () => {
    const registry = await worn(begins, begins, begins);
    const [outcome, ...asked] = await written(registry, many);
    assert.deepEqual(
      [outcome, asked.toSorted()],
      ['uploaded', [...apart, ...findingOut, 'cancel'].toSorted()],
    );
    assert.deepEqual(await written(registry, many + 1), ['uploaded', ...apart]);
  });

  it('a blob takes two requests if the registry mounts from anywhere, which saves more', async () => {
    const registry = await worn(answers(201, { location: ['/v2/acme/app/blobs/there'] }));
    await written(registry, many);
    assert.deepEqual(await written(registry, many + 1), ['uploaded', ...apart]);
  });

  it('a blob takes the usual requests after the registry has refused the one request', async () => {
    const registry = await worn(passes, passes, passes, answers(400));
    await written(registry, many);
    assert.deepEqual(await written(registry, many + 1), ['uploaded', 'mount', ...apart]);
    assert.deepEqual(await written(registry, many + 2), ['uploaded', ...inOne]);
  });
});
