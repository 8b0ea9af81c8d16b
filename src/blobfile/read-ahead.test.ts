import assert from 'node:assert/strict';
import { type FileHandle, open, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { folder } from '../../test/folder.ts';
import { noise } from '../testing/contract/sample.ts';
import { fileChunks } from './blob-file.ts';
import { createBuffers } from './buffers.ts';

const mebibyte = 1024 * 1024;
const bytes = noise(3 * mebibyte + 5);

interface Stage {
  readonly file: FileHandle;
  readonly path: string;
  /** The positions of the reads that have begun. */
  readonly begun: number[];
  /** The number of reads that have not ended. */
  readonly running: () => number;
}

/** A file whose reads are counted. A read of `broken` fails. */
async function stage(test: TestContext, { broken = -1 } = {}): Promise<Stage> {
  const path = join(await folder(test), 'file');
  await writeFile(path, bytes);
  const file = await open(path);
  atEnd(test, () => file.close());
  const begun: number[] = [];
  let running = 0;
  const read = file.read.bind(file);
  const counted = async (into: Buffer, offset: number, length: number, at: number) => {
    begun.push(at);
    running++;
    try {
      if (at === broken) throw Object.assign(new Error('bad sector'), { code: 'EIO', syscall: 'read' });
      return await read(into, offset, length, at);
    } finally {
      running--;
    }
  };
  Object.assign(file, { read: counted });
  return { file, path, begun, running: () => running };
}

const whole = { from: 0, to: bytes.byteLength, signal: undefined };

describe('reading a file ahead', () => {
  it('the next part of a file is read while the reader uses the last one, which stays as it is', async (test) => {
    const { file, path, begun, running } = await stage(test);
    const seen: Buffer[] = [];
    for await (const chunk of fileChunks(file, path, whole, { buffers: createBuffers() })) {
      seen.push(Buffer.from(chunk));
      assert.equal(begun.length, Math.min(seen.length + 1, 4));
      while (running() > 0) await new Promise(setImmediate);
      assert.ok(seen.at(-1)?.equals(chunk));
    }
    assert.ok(Buffer.concat(seen).equals(bytes));
    assert.deepEqual(begun, [0, mebibyte, 2 * mebibyte, 3 * mebibyte]);
  });

  it('a file is not read ahead when memory is scarce', async (test) => {
    const { file, path, begun } = await stage(test);
    const buffers = createBuffers();
    while (!buffers.areScarce()) buffers.take('own');
    let chunks = 0;
    for await (const _ of fileChunks(file, path, whole, { buffers })) {
      chunks++;
      assert.equal(begun.length, chunks);
    }
    assert.equal(chunks, 4);
  });

  it('a reading that ends early waits for the disk, and its memory serves no other reading', async (test) => {
    const { file, path, begun, running } = await stage(test);
    const buffers = createBuffers();
    let used: Uint8Array | undefined;
    for await (const chunk of fileChunks(file, path, whole, { buffers })) {
      used = chunk;
      break;
    }
    assert.deepEqual([begun.length, running()], [2, 0]);
    for (let others = 0; others < 3; others++) assert.notEqual(buffers.take('own').buffer, used?.buffer);
  });

  it('a part that cannot be read fails after the parts before it', async (test) => {
    const { file, path } = await stage(test, { broken: 2 * mebibyte });
    let came = 0;
    const reading = async (): Promise<void> => {
      for await (const chunk of fileChunks(file, path, whole, { buffers: createBuffers() })) {
        came += chunk.byteLength;
      }
    };
    await assert.rejects(reading(), { code: 'IO_FAILED' });
    assert.equal(came, 2 * mebibyte);
  });
});
