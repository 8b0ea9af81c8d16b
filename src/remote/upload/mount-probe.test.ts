import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesContent } from '../../flow/content.ts';
import { digestOf } from '../../flow/hash.ts';
import type { WriteOutcome } from '../../store/contract.ts';
import { answers, type Fate, passes, type ScriptedRegistry, scripted } from './scripted.test.support.ts';

/** Blobs that are sent before it pays to find out more. */
const many = 16;

function blobOf(at: number, size = 100) {
  const bytes = new Uint8Array(size).fill(at);
  const descriptor = { mediaType: 'application/octet-stream', digest: digestOf(bytes), size };
  return { descriptor, content: bytesContent(bytes) };
}

/** An upload is begun whatever is to be mounted. */
const begins: Fate = (send, request) => send({ ...request, url: request.url.replace(/\?.*/, '') });

/** What is asked for one more blob. */
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

/** A registry that many blobs were sent to, one after the other; `mounts` is what becomes of mounts asked for after that. */
async function worn(...mounts: readonly Fate[]): Promise<ScriptedRegistry> {
  const registry = scripted({ mount: [...Array.from({ length: many }, () => passes), ...mounts] });
  for (let at = 0; at < many; at++) {
    assert.deepEqual(await written(registry, at), ['uploaded', 'blob.head', 'mount', 'commit']);
  }
  return registry;
}

/** What finding out asks beside the blob's own requests: a mount from anywhere, and one from the repository itself. */
const findingOut = ['cancel', 'mount', 'mount'];
const apart = ['blob.head', 'mount', 'commit'];
const inOne = ['mount', 'commit'];

describe('after many blobs a registry is asked whether one is there by the request that begins its upload', () => {
  it('where a blob that is there is mounted from its own repository', async () => {
    const registry = await worn();
    const [outcome, ...asked] = await written(registry, many);
    assert.deepEqual([outcome, asked.toSorted()], ['uploaded', [...apart, ...findingOut].toSorted()]);
    assert.deepEqual(await written(registry, many + 1), ['uploaded', ...inOne]);
    const { descriptor, content } = blobOf(many + 2);
    await registry.inside.blobs.write(descriptor, content);
    assert.deepEqual(await written(registry, many + 2), ['existed', 'mount']);
  });

  it('but not for a large one, whose turn may be long in coming', async () => {
    const registry = await worn();
    await written(registry, many);
    assert.deepEqual(await written(registry, 1, 1024 * 1024), ['uploaded', ...inOne]);
    assert.deepEqual(await written(registry, 1, 1024 * 1024 + 1), ['uploaded', ...apart]);
  });

  it('but not where such a mount is declined', async () => {
    const registry = await worn(begins, begins, begins);
    const [outcome, ...asked] = await written(registry, many);
    assert.deepEqual(
      [outcome, asked.toSorted()],
      ['uploaded', [...apart, ...findingOut, 'cancel'].toSorted()],
    );
    assert.deepEqual(await written(registry, many + 1), ['uploaded', ...apart]);
  });

  it('but not where a blob is mounted from anywhere, which spares more', async () => {
    const registry = await worn(answers(201, { location: ['/v2/acme/app/blobs/there'] }));
    await written(registry, many);
    assert.deepEqual(await written(registry, many + 1), ['uploaded', ...apart]);
  });

  it('and in the usual way when it refuses to answer that', async () => {
    const registry = await worn(passes, passes, passes, answers(400));
    await written(registry, many);
    assert.deepEqual(await written(registry, many + 1), ['uploaded', 'mount', ...apart]);
    assert.deepEqual(await written(registry, many + 2), ['uploaded', ...inOne]);
  });
});
