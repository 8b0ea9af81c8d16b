import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { blobPath } from '../../src/blobfile/blob-file.ts';
import { RepositoryFolder } from '../../src/disk/folder.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { blobOf, giveImage, imageOf } from '../../src/testing/contract/sample.ts';
import { needs } from '../peer.ts';
import { newStore } from './server.ts';
import { acknowledged, PowerLoss, type SystemCall, traced } from './strace.ts';

describe('acknowledged content', needs('strace'), () => {
  it('acknowledged content is on the disk: bytes, names, and new folders', async (test) => {
    const store = await newStore(test);
    const folder = new RepositoryFolder(join(store, 'repositories'), 'a/b');
    const other = new RepositoryFolder(join(store, 'repositories'), 'c');
    const layer = blobOf('a layer').descriptor.digest;
    const image = imageOf({ layers: [blobOf('a layer')] }).descriptor;
    const note = imageOf({ subject: image }).descriptor.digest;
    const paths = {
      blob: [folder.blobPath(layer)],
      mounted: [other.blobPath(layer)],
      image: [
        folder.blobPath(image.digest),
        folder.manifestPath(image.digest),
        folder.tagPath('v1'),
        folder.tagPath('V2'),
      ],
      note: [folder.blobPath(note), folder.manifestPath(note), folder.referrerPath(image.digest, note)],
    };
    const calls = await traced(
      store,
      `const paths = ${JSON.stringify(paths)};
       const layer = blobOf('a layer');
       const repository = registry.repository('a/b');
       const upload = await repository.blobs.start();
       await upload.append(bytesContent(layer.bytes));
       await (await repository.blobs.resume(upload.id)).commit(layer.descriptor.digest);
       ack(...paths.blob);
       await registry.repository('c').blobs.mount(layer.descriptor.digest, { from: 'a/b' });
       ack(...paths.mounted);
       const image = await giveImage(repository, { layers: [layer] }, 'v1', 'V2');
       ack(...paths.image);
       await giveImage(repository, { subject: image.descriptor });
       ack(...paths.note);
       // At once, as clients do it: one waits for what another began.
       await Promise.all(Array.from({ length: 4 }, (_, n) => giveImage(registry.repository('new/one'), { annotations: { n: String(n) } }, 'a' + n)));
       ack(...Array.from({ length: 4 }, (_, n) => ${JSON.stringify(join(store, 'repositories', 'new', 'one', '_gantry', 'tags'))} + '/_a' + n + '.tag'));`,
    );
    const disk = new PowerLoss(dirname(store));
    let acks = 0;
    for (const call of calls) {
      disk.take(call);
      for (const path of acknowledged(call) ?? []) {
        assert.equal(disk.loses(path), undefined);
        // No response promises the name in the pool, so its loss shows that the test notices losses.
        if (acks === 0) assert.ok(disk.loses(blobPath(store, layer)) !== undefined);
        acks++;
      }
    }
    assert.equal(acks, 13);
  });
});

describe('one more tag', needs('strace'), () => {
  it('one more tag takes the same few system calls among ten thousand as among ten, and syncs one file and two folders', async (test) => {
    const few = await cost(await newStore(test), 10);
    const many = await cost(await newStore(test), 10_000);
    assert.deepEqual(many, few);
    assert.equal(few.filter((name) => name === 'fsync').length, 3);
  });
});

/** Threads wake each other through pipes and event files. */
function isOfFiles({ name, args }: SystemCall): boolean {
  return !(name === 'write' && /^\d+<(?:anon_inode|pipe):/.test(args));
}

/** Returns the system calls for pushing one tag into a repository with `count` tags. */
async function cost(store: string, count: number): Promise<readonly string[]> {
  {
    await using registry = await openDiskRegistry(store);
    await giveImage(registry.repository('a'), {}, 'first');
  }
  const tags = new RepositoryFolder(join(store, 'repositories'), 'a');
  const digest = imageOf().descriptor.digest;
  await mkdir(dirname(tags.tagPath('t')), { recursive: true });
  for (let n = 0; n < count; n++) await writeFile(tags.tagPath(`old-${n}`), digest);
  const calls = await traced(
    store,
    `const repository = registry.repository('a');
     await repository.manifests.put(imageOf(), { tags: ['second'] });
     ack('begin');
     await repository.manifests.put(imageOf(), { tags: ['third'] });
     ack('end');`,
  );
  const from = calls.findIndex((call) => acknowledged(call)?.[0] === 'begin');
  const to = calls.findIndex((call) => acknowledged(call)?.[0] === 'end');
  assert.ok(from >= 0 && to > from);
  return calls
    .slice(from + 1, to)
    .filter(isOfFiles)
    .map(({ name }) => name)
    .sort();
}
