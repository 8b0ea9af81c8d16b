import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../test/folder.ts';
import { bytesContent } from '../flow/content.ts';
import { createFileResources } from './resources.ts';
import { FileUpload } from './upload.ts';

/** More than the bytes after which a sync begins. */
const size = 20 * 1024 * 1024;

/** Counts the syncs of files while `work` runs. */
async function syncsDuring(path: string, work: () => Promise<unknown>): Promise<number> {
  const file = await open(join(path, 'any'), 'w');
  const handles: FileHandle = Object.getPrototypeOf(file);
  await file.close();
  const datasync = Reflect.get(handles, 'datasync');
  let syncs = 0;
  handles.datasync = function counted(this: FileHandle) {
    syncs++;
    return Reflect.apply(datasync, this, []);
  };
  try {
    await work();
  } finally {
    handles.datasync = datasync;
  }
  return syncs;
}

describe('FileUpload', () => {
  for (const syncs of [undefined, true, false]) {
    it(`an upload with syncs: ${syncs} ${syncs === false ? 'never syncs' : 'syncs'} the appended bytes`, async (test) => {
      const path = await folder(test);
      const id = randomUUID();
      const upload = await FileUpload.start({
        id,
        path: join(path, id),
        algorithm: 'sha256',
        ...(syncs === undefined ? {} : { syncs }),
        keep: async () => undefined,
        forget: async () => undefined,
      });
      const count = await syncsDuring(path, () => upload.append(bytesContent(new Uint8Array(size))));
      assert.equal(upload.offset, size);
      assert.equal(count > 0, syncs !== false);
      await upload.cancel();
    });
  }

  it('an upload takes its memory from its own resources', async (test) => {
    const path = await folder(test);
    const id = randomUUID();
    const resources = createFileResources();
    const memory = resources.buffers.take('shared');
    resources.buffers.giveBack(memory, { reusable: true });
    const upload = await FileUpload.start({
      id,
      path: join(path, id),
      algorithm: 'sha256',
      keep: async () => undefined,
      forget: async () => undefined,
      resources,
    });
    await upload.append(bytesContent(new Uint8Array(memory.byteLength).fill(7)));
    assert.ok(memory.every((byte) => byte === 7));
    await upload.cancel();
  });
});
