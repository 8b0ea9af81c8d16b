import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import type { Repository } from '../store/contract.ts';
import { blobOf, giveImage, read } from '../testing/contract/sample.ts';
import { copyImage } from './copy.ts';
import { assertNothingNamed, copyFailure, failureOf, giveIndex, image, place } from './stage.test.support.ts';
import { type Hook, type Note, watched } from './watched.test.support.ts';

describe('errors of copyImage', () => {
  const shared = blobOf('shared').descriptor.digest;
  const broken = new Error('the cable is out');
  const breaking =
    (step: Note['step'], what: (note: Note) => boolean): Hook =>
    (note) => {
      if (note.step === step && what(note)) throw broken;
    };

  for (const [name, side, step, hook, expected] of [
    ['reading the root', 'source', 'get', (root: string) => (what: string) => what === root, 'read v1'],
    ['reading a child', 'source', 'get', () => (what: string) => what !== 'v1', 'read manifest'],
    ['reading a blob', 'source', 'open', () => (what: string) => what === shared, 'read blob'],
    ['asking for the root', 'destination', 'resolve', () => (what: string) => what === 'v1', 'resolve v1'],
    ['asking for a child', 'destination', 'resolve', () => (what: string) => what !== 'v1', 'resolve'],
    ['writing a blob', 'destination', 'write', () => (what: string) => what === shared, 'write blob'],
    [
      'writing a child',
      'destination',
      'put',
      (_: string, index: string) => (what: string) => what !== index,
      'write manifest',
    ],
    [
      'writing the root',
      'destination',
      'put',
      (_: string, index: string) => (what: string) => what === index,
      'write manifest',
    ],
  ] as const) {
    it(`an error while ${name} has side, step, digest and cause, and no tag is set`, async () => {
      const [from, to] = [place(), place()];
      const { index } = await giveIndex(from);
      const matches = hook('v1', index.descriptor.digest);
      const hooked = breaking(step, ({ what }) => matches(what));
      const source = side === 'source' ? watched(from, hooked).repository : from;
      const target = side === 'destination' ? watched(to, hooked).repository : to;
      const failure = await copyFailure(copyImage(source, 'v1', target, { tags: ['v1'] }));
      assert.deepEqual(
        { ...failure, digest: undefined },
        { side, step: expected, digest: undefined, cause: broken },
      );
      assert.equal(failure.digest !== undefined, !expected.endsWith('v1'));
      if (expected.endsWith('blob')) assert.equal(failure.digest, shared);
      await assertNothingNamed(to);
    });
  }

  it('a copy of a missing root, child or blob fails with that cause', async () => {
    const from = place();
    const { one } = await giveIndex(from);
    assert.deepEqual(await copyFailure(copyImage(from, 'v2', place())), {
      side: 'source',
      step: 'read v2',
      digest: undefined,
      cause: 'MANIFEST_UNKNOWN',
    });
    await from.blobs.delete(shared);
    assert.deepEqual(await copyFailure(copyImage(from, 'v1', place())), {
      side: 'source',
      step: 'read blob',
      digest: shared,
      cause: 'BLOB_UNKNOWN',
    });
    await from.manifests.delete(one.descriptor.digest);
    const to = place();
    assert.deepEqual(await copyFailure(copyImage(from, 'v1', to, { tags: ['v1'] })), {
      side: 'source',
      step: 'read manifest',
      digest: one.descriptor.digest,
      cause: 'MANIFEST_UNKNOWN',
    });
    await assertNothingNamed(to);
  });

  it('a copy fetches corrupt bytes once more, and only once', async () => {
    for (const spoilt of ['SHARED', 'too long to be shared', '']) {
      const from = place();
      await giveIndex(from);
      let left = 1;
      const spoiling: Repository = {
        ...from,
        blobs: {
          ...from.blobs,
          open: (blob) => ({
            replayable: true,
            open(options) {
              const wanted = (typeof blob === 'string' ? blob : blob.digest) === shared && left-- > 0;
              return wanted ? blobOf(spoilt).content.open() : from.blobs.open(blob).open(options);
            },
          }),
        },
      };
      const to = watched(place());
      await copyImage(spoiling, 'v1', to.repository, { tags: ['v1'] });
      assert.equal(to.of('write').filter((digest) => digest === shared).length, 2);
      assert.equal(left, -1);
      const there = await read(to.repository.blobs.open(blobOf('shared').descriptor));
      assert.deepEqual(there, blobOf('shared').bytes);
    }
  });

  it('a copy of bytes with another digest leaves no blob and no tag', async () => {
    const from = place();
    await giveIndex(from);
    const lying: Repository = {
      ...from,
      blobs: {
        ...from.blobs,
        open: (blob) =>
          (typeof blob === 'string' ? blob : blob.digest) === shared
            ? blobOf('SHARED').content
            : from.blobs.open(blob),
      },
    };
    const to = watched(place());
    const failure = await copyFailure(copyImage(lying, 'v1', to.repository, { tags: ['v1'] }));
    assert.deepEqual([failure.digest, failure.cause], [shared, 'DIGEST_INVALID']);
    assert.equal(to.of('write').filter((digest) => digest === shared).length, 2);
    assert.equal(await to.repository.blobs.stat(shared), undefined);
    await assertNothingNamed(to.repository);
  });

  it('a failing copy aborts its parallel work and waits for its end', async () => {
    const from = place();
    await giveImage(from, image('fails', 'hangs'), 'v1');
    const [fails, hangs] = ['fails', 'hangs'].map((name) => blobOf(name).descriptor.digest);
    const ended: string[] = [];
    const source = watched(from, async ({ step, what }, { signal }) => {
      if (step !== 'open' || (what !== fails && what !== hangs)) return;
      if (what === fails) throw broken;
      await new Promise<void>((resolve) =>
        signal?.addEventListener('abort', () => resolve(), { once: true }),
      );
      await new Promise((resolve) => setImmediate(resolve));
      ended.push(what);
      signal?.throwIfAborted();
    });
    const failure = await copyFailure(copyImage(source.repository, 'v1', place()));
    assert.deepEqual([failure.digest, failure.cause], [fails, broken]);
    assert.deepEqual(ended, [hangs]);
  });

  it('a copy that fails in several places at once leaves no unhandled rejection', async (test) => {
    const stray: unknown[] = [];
    const note = (reason: unknown): unknown => stray.push(reason);
    process.on('unhandledRejection', note);
    atEnd(test, () => process.off('unhandledRejection', note));
    const from = place();
    await giveIndex(from);
    for (const step of ['get', 'open', 'resolve', 'write', 'put'] as const) {
      const all = watched(
        from,
        breaking(step, () => true),
      );
      await copyFailure(
        copyImage(
          all.repository,
          'v1',
          watched(
            place(),
            breaking(step, () => true),
          ).repository,
        ),
      );
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.deepEqual(stray, []);
  });
});

describe('the abort of copyImage', () => {
  const reason = { why: 'the user went home' };

  for (const step of ['get', 'open', 'resolve', 'write', 'put'] satisfies Note['step'][]) {
    it(`an abort during "${step}" is rethrown unchanged, and no tag is set`, async () => {
      const [from, to] = [place(), place()];
      await giveIndex(from);
      const end = new AbortController();
      const hook: Hook = (note, { signal }) => {
        if (note.step === step) end.abort(reason);
        signal?.throwIfAborted();
      };
      const isSource = step === 'get' || step === 'open';
      const copying = copyImage(
        isSource ? watched(from, hook).repository : from,
        'v1',
        isSource ? to : watched(to, hook).repository,
        { tags: ['v1'], signal: end.signal },
      );
      assert.equal(await failureOf(copying), reason);
      await assertNothingNamed(to);
    });
  }

  it('an abort before the copy is rethrown unchanged', async () => {
    const from = place();
    await giveIndex(from);
    const copying = copyImage(from, 'v1', place(), { signal: AbortSignal.abort(reason) });
    assert.equal(await failureOf(copying), reason);
  });

  it('an abort after the copy changes nothing', async () => {
    const [from, to] = [place(), place()];
    await giveIndex(from);
    const end = new AbortController();
    await copyImage(from, 'v1', to, { tags: ['v1'], signal: end.signal });
    end.abort(reason);
    assert.ok(await to.manifests.resolve('v1'));
  });
});
