import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { TransportError } from '../../src/errors.ts';
import { mapContent } from '../../src/flow/content.ts';
import { createPool, type Pool } from '../../src/flow/pool.ts';
import type { Repository, WriteOptions, WriteOutcome } from '../../src/store/contract.ts';
import { blobOf, brokenContent, give, type SampleBlob } from '../../src/testing/contract/sample.ts';
import { refuse, refusing } from './habits.ts';
import { assertThere, declined, open, push, sample } from './scene.ts';
import { answering, kindsOf, wire } from './wire.ts';

/** Every way for a blob to reach a registry, with all requests. */

async function writeInPool(
  { blobs }: Repository,
  { descriptor, content }: SampleBlob,
  pool: Pool,
  options: WriteOptions,
): Promise<WriteOutcome> {
  return blobs.writeInPool?.(descriptor, content, pool, options) ?? assert.fail('no writeInPool');
}

describe('a blob', () => {
  // id: existing-blob-head
  it('an existing blob is asked for with one HEAD, and not opened', async () => {
    const wired = wire();
    await give(wired.at().repository('app'), sample);
    const unread = brokenContent(sample.bytes, 0, () => assert.fail('opened'));
    assert.equal(await open(wired).blobs.write(sample.descriptor, unread), 'existed');
    assert.deepEqual(kindsOf(wired.asked), ['blob.head']);
  });

  it('only the registry checks a local blob, and gantry checks one from another party before it forwards it', async () => {
    for (const { remote, opened } of [
      { remote: false, opened: 'unverified' },
      { remote: true, opened: 'checked' },
    ]) {
      const wired = wire();
      const read: string[] = [];
      const told = (name: string) =>
        mapContent(sample.content, (bytes) => {
          read.push(name);
          return bytes;
        });
      const content = { ...told('checked'), unverified: told('unverified'), remote };
      assert.equal(await open(wired).blobs.write(sample.descriptor, content), 'uploaded');
      assert.deepEqual(read, [opened]);
    }
  });

  // id: mount-from-known-repository
  it('a blob that a known repository of the registry has is mounted from there, and not opened', async () => {
    const wired = wire();
    await give(wired.at().repository('base'), sample);
    const unread = brokenContent(sample.bytes, 0, () => assert.fail('opened'));
    const repository = wired.remote().repository('app', { ...push, mountFrom: ['base'] });
    const outcome = await repository.blobs.write(sample.descriptor, unread, { mountFrom: ['base'] });
    assert.equal(outcome, 'mounted');
    assert.deepEqual(kindsOf(wired.asked), ['blob.head', 'upload.mount']);
    const mount = wired.asked[1];
    assert.ok(
      mount?.url.endsWith(
        `/v2/app/blobs/uploads/?mount=${encodeURIComponent(sample.descriptor.digest)}&from=base`,
      ),
    );
    await assertThere(wired);
  });

  // id: mount-scopes
  it('the first request asks for the right to mount, with the right to push first', async () => {
    const wired = wire();
    const repository = wired.remote().repository('app', { ...push, mountFrom: ['base'] });
    await repository.blobs.write(sample.descriptor, sample.content, { mountFrom: ['base'] });
    for (const { scopes } of wired.asked)
      assert.deepEqual(scopes, ['repository:app:pull,push', 'repository:base:pull']);
  });

  // id: mount-from-seen-repository
  it('a blob that was just seen in another repository is mounted from there without an option', async () => {
    const wired = wire(
      answering(['upload.mount'], (request) => (request.url.includes('from=') ? undefined : refuse(405))),
    );
    const remote = wired.remote();
    await remote.repository('one', push).blobs.write(sample.descriptor, sample.content);
    wired.take();
    assert.equal(
      await remote.repository('app', push).blobs.write(sample.descriptor, sample.content),
      'mounted',
    );
    const asked = wired.take();
    assert.deepEqual(kindsOf(asked), ['blob.head', 'upload.mount']);
    assert.ok(asked[1]?.url.endsWith('&from=one'));
  });

  // id: mount-without-source
  it('a blob that any repository has is mounted if the registry finds it itself', async () => {
    const wired = wire();
    await give(wired.at().repository('base'), sample);
    assert.equal(await open(wired).blobs.write(sample.descriptor, sample.content), 'mounted');
    assert.deepEqual(kindsOf(wired.asked), ['blob.head', 'upload.mount']);
    assert.ok(!wired.asked[1]?.url.includes('from'));
  });

  // id: declined-mount-session
  it('a new blob goes with one PUT into the session of the declined mount', async () => {
    const wired = wire();
    assert.equal(await open(wired).blobs.write(sample.descriptor, sample.content), 'uploaded');
    assert.deepEqual(kindsOf(wired.asked), [...declined, 'upload.commit']);
    const put = wired.asked[2];
    assert.deepEqual([put?.bytes, put?.headers['content-length']], [25, ['25']]);
    assert.equal(put?.headers['content-range'], undefined);
    assert.deepEqual(put?.headers['content-type'], ['application/octet-stream']);
    await assertThere(wired);
  });

  for (const status of [400, 401, 403, 404, 405, 429, 500, 503]) {
    // id: mount-answer-means-upload
    it(`a blob is sent when the registry answers the mount with ${status}`, async () => {
      const wired = wire(refusing('upload.mount', status, {}, 9));
      const options = { mountFrom: ['base'] };
      assert.equal(await open(wired).blobs.write(sample.descriptor, sample.content, options), 'uploaded');
      const [head, fromBase, fromAny, ...rest] = kindsOf(wired.asked);
      assert.deepEqual([head, fromBase, fromAny], ['blob.head', 'upload.mount', 'upload.mount']);
      assert.deepEqual(rest, ['upload.start', 'upload.commit']);
      await assertThere(wired);
    });
  }

  // id: mount-never-answered
  it('a blob is sent when the registry never answers the mount', async () => {
    const wired = wire(
      answering(['upload.mount'], () => Promise.reject(new TransportError('CUT_OFF', 'gone'))),
    );
    assert.equal(await open(wired).blobs.write(sample.descriptor, sample.content), 'uploaded');
    assert.deepEqual(kindsOf(wired.asked), [...declined, 'upload.start', 'upload.commit']);
  });

  for (const [status, again] of [
    [400, false],
    [503, true],
  ] as const) {
    // id: mount-cross-host
    it(`the client ${again ? 'asks once more' : 'never asks again'} for a mount from anywhere after ${status}`, async () => {
      const wired = wire(refusing('upload.mount', status));
      const { blobs } = open(wired);
      await blobs.write(sample.descriptor, sample.content);
      wired.take();
      const other = blobOf('other');
      await blobs.write(other.descriptor, other.content);
      assert.equal(kindsOf(wired.take()).includes('upload.mount'), again);
    });
  }

  it('only a blob that moves takes a place in the pool, and one that exists or is mounted takes none', async () => {
    const wired = wire();
    await give(wired.at().repository('base'), blobOf('mounted'));
    const sizes: (number | undefined)[] = [];
    const pool: Pool = {
      run(task, { size } = {}) {
        sizes.push(size);
        return task();
      },
    };
    const to = open(wired);
    const outcomes = [];
    for (const blob of [sample, sample, blobOf('mounted')]) {
      outcomes.push(await writeInPool(to, blob, pool, { mountFrom: ['base'] }));
    }
    assert.deepEqual(outcomes, ['uploaded', 'existed', 'mounted']);
    assert.deepEqual(sizes, [sample.descriptor.size]);
  });

  // id: abort-while-waiting
  it('a blob that is given up while it waits for its turn leaves no session behind', async () => {
    const wired = wire();
    const pool = createPool(1);
    const other = new AbortController();
    const busy = pool.run(() => once(other.signal, 'abort'));
    const end = new AbortController();
    const options = { mountFrom: ['base'], signal: end.signal };
    const writing = writeInPool(open(wired), sample, pool, options);
    writing.catch(() => undefined);
    while (wired.asked.at(-1)?.status !== 202) await new Promise((resolve) => setImmediate(resolve));
    end.abort('enough');
    await assert.rejects(writing, (error) => error === 'enough');
    assert.deepEqual(kindsOf(wired.asked), [...declined, 'upload.cancel']);
    other.abort();
    await busy;
  });

  // id: sha512-upload
  it('a sha512 blob is stored under that digest, which the session names at its start', async () => {
    const wired = wire(refusing('upload.mount', 405));
    const strong = blobOf(sample.bytes, 'sha512');
    assert.equal(await open(wired).blobs.write(strong.descriptor, strong.content), 'uploaded');
    assert.ok(
      wired.asked.find(({ kind }) => kind === 'upload.start')?.url.endsWith('?digest-algorithm=sha512'),
    );
  });
});
