import assert from 'node:assert/strict';
import { type FileHandle, mkdtemp, open, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { createHasher, digestOf } from '../flow/hash.ts';
import type { Algorithm } from '../spec/digest.ts';
import { createHashThread } from './hash-thread.ts';
import { createHashWriter, type HashWriter } from './hash-writer.ts';

const thread = createHashThread();

const writers: readonly { readonly name: string; readonly start: (algorithm?: Algorithm) => HashWriter }[] = [
  { name: 'in this thread', start: (algorithm) => createHashWriter(createHasher(algorithm)) },
  { name: 'in another thread', start: (algorithm = 'sha256') => thread.writer(algorithm) },
];

let folder = '';
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'gantry-'));
});
after(() => rm(folder, { recursive: true }));

/** Bytes without repeated pieces. */
function sample(size: number): Buffer {
  return Buffer.from(Uint8Array.from({ length: size }, (_, at) => (at * 31 + (at >> 11)) % 251));
}

async function newFile(): Promise<{ readonly path: string; readonly file: FileHandle }> {
  const path = join(folder, crypto.randomUUID());
  return { path, file: await open(path, 'wx+') };
}

/** Writes in pieces, from the start of the file. */
async function writeAll(writer: HashWriter, file: FileHandle, bytes: Buffer, piece = 100_000): Promise<void> {
  for (let at = 0; at < bytes.byteLength; at += piece)
    await writer.write(file, bytes.subarray(at, at + piece), at);
}

describe('a writer that hashes', () => {
  for (const { name, start } of writers) {
    for (const algorithm of ['sha256', 'sha512'] as const) {
      it(`a writer that hashes ${name} returns the ${algorithm} of the bytes in the file`, async () => {
        const bytes = sample(1_234_567);
        const { path, file } = await newFile();
        const writer = start(algorithm);
        await writeAll(writer, file, bytes);
        await file.close();
        assert.equal(await writer.digest(), digestOf(bytes, algorithm));
        assert.ok((await readFile(path)).equals(bytes));
      });
    }

    it(`a writer that hashes ${name} accepts writes that do not wait for one another`, async () => {
      const bytes = sample(500_000);
      const { path, file } = await newFile();
      const writer = start();
      const pieces = [0, 1, 2, 3, 4].map((piece) => piece * 100_000);
      await Promise.all(pieces.map((at) => writer.write(file, bytes.subarray(at, at + 100_000), at)));
      await file.close();
      assert.equal(await writer.digest(), digestOf(bytes));
      assert.ok((await readFile(path)).equals(bytes));
    });

    it(`a writer that hashes ${name} also fails with the writes after a failed one, and loses the hash`, async () => {
      const { path, file } = await newFile();
      const reader = await open(path, 'r');
      const writer = start();
      const writes = [writer.write(reader, sample(10), 0), writer.write(file, sample(10), 10)];
      for (const { status } of await Promise.allSettled(writes)) assert.equal(status, 'rejected');
      await Promise.all([reader.close(), file.close()]);
      assert.equal((await readFile(path)).byteLength, 0);
      assert.equal(await writer.digest(), undefined);
    });

    it(`a writer that hashes ${name} hashes several files at once, each by itself`, async () => {
      const sizes = [1, 300_000, 700_001];
      const digests = sizes.map(async (size) => {
        const { file } = await newFile();
        const writer = start();
        await writeAll(writer, file, sample(size));
        await file.close();
        return writer.digest();
      });
      assert.deepEqual(
        await Promise.all(digests),
        sizes.map((size) => digestOf(sample(size))),
      );
    });

    it(`a writer that hashes ${name} has no digest after its end`, async () => {
      const { file } = await newFile();
      const writer = start();
      await writeAll(writer, file, sample(10));
      await writer.digest();
      assert.equal(await writer.digest(), undefined);
      const dropped = start();
      await writeAll(dropped, file, sample(10));
      dropped.drop();
      assert.equal(await dropped.digest(), undefined);
      await file.close();
    });

    it(`a writer that hashes ${name} fails with the error of the disk, and loses the hash`, async () => {
      const { path, file } = await newFile();
      const reader = await open(path, 'r');
      const writer = start();
      await assert.rejects(writer.write(reader, sample(10), 0), { code: 'EBADF', syscall: 'write' });
      await reader.close();
      await writeAll(writer, file, sample(20));
      await file.close();
      assert.equal(await writer.digest(), undefined);
      assert.ok((await readFile(path)).equals(sample(20)));
    });
  }

  it('a writer hashes in this thread where the system permits no other one', async () => {
    const { path, file } = await newFile();
    // Node makes threads of files only, and refuses this one at once, as it does where threads are forbidden.
    const writer = createHashThread(new URL('https://registry.example/hash.js')).writer('sha256');
    await writeAll(writer, file, sample(250_000));
    await file.close();
    assert.equal(await writer.digest(), digestOf(sample(250_000)));
    assert.ok((await readFile(path)).equals(sample(250_000)));
  });

  const programs = [
    { name: 'can not be started', program: 'nothing such' },
    { name: 'ends in the middle', program: 'parentPort.once("message", () => process.exit(1))' },
    { name: 'breaks in the middle', program: 'parentPort.once("message", () => { throw new Error("no") })' },
  ];
  for (const { name, program } of programs) {
    it(`a writer continues in this thread when the other one ${name}; only the next writer has a hash`, async () => {
      const source = `import { parentPort } from 'node:worker_threads'; ${program}`;
      const { path, file } = await newFile();
      // The first writer is created before the thread can have ended.
      const broken = createHashThread(new URL(`data:text/javascript,${encodeURIComponent(source)}`));
      for (const digest of [undefined, digestOf(sample(250_000))]) {
        const writer = broken.writer('sha256');
        await writeAll(writer, file, sample(250_000));
        assert.equal(await writer.digest(), digest);
      }
      await file.close();
      assert.ok((await readFile(path)).equals(sample(250_000)));
    });
  }
});
