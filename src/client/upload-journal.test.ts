import assert from 'node:assert/strict';
import {
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { TransportError } from '../errors.ts';
import { createLayer } from '../image/layer.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import { MediaType } from '../spec/media-type.ts';
import { blobOf, noise, read } from '../testing/contract/sample.ts';
import type { Send } from '../wire/message.ts';
import { parseOperation } from '../wire/route.ts';
import { createClient } from './client.ts';
import { createUploadJournal } from './upload-journal.ts';

const blob = blobOf(noise(1000));
const key = {
  place: 'https://registry.test',
  repository: 'acme/app',
  digest: blob.descriptor.digest,
  size: blob.bytes.byteLength,
};
const week = 7 * 24 * 60 * 60 * 1000;

function folderFor(test: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), 'gantry-journal-'));
  atEnd(test, () => rmSync(folder, { recursive: true }));
  return join(folder, 'notes');
}

function filesIn(folder: string): readonly string[] {
  return readdirSync(folder).map((name) => join(folder, name));
}

describe('createUploadJournal', () => {
  it('a journal returns the last id of an upload until it forgets the upload', async (test) => {
    const journal = createUploadJournal(folderFor(test), { least: 0 });
    assert.equal(await journal.find(key), undefined);
    await journal.note(key, 'one');
    await journal.note(key, 'two');
    assert.equal(await journal.find(key), 'two');
    assert.equal(await journal.find({ ...key, repository: 'acme/other' }), undefined);
    await journal.forget(key);
    await journal.forget(key);
    assert.equal(await journal.find(key), undefined);
  });

  it('a journal makes one file for each upload, which only its owner can read', async (test) => {
    const folder = folderFor(test);
    const journal = createUploadJournal(folder, { least: 0 });
    await journal.note(key, 'one');
    await journal.note({ ...key, repository: 'acme/other' }, 'two');
    const files = filesIn(folder);
    assert.equal(files.length, 2);
    if (process.platform === 'win32') return;
    for (const file of files) assert.equal(statSync(file).mode & 0o077, 0);
    assert.equal(statSync(folder).mode & 0o077, 0);
  });

  it('a journal notes only blobs of 64 MiB and more', async (test) => {
    const journal = createUploadJournal(folderFor(test));
    const large = { ...key, size: 64 * 1024 * 1024 };
    for (const size of [large.size - 1, large.size]) {
      await journal.note({ ...large, size }, 'one');
      assert.equal(await journal.find({ ...large, size }), size === large.size ? 'one' : undefined);
      await journal.forget({ ...large, size });
    }
  });

  for (const [name, text] of [
    ['is empty', ''],
    ['is cut off', '{"version":1,"place":'],
    ['is a list', '[]'],
    ['has another version', JSON.stringify({ version: 2, ...key, id: 'one' })],
    ['has another size', JSON.stringify({ version: 1, ...key, size: 1, id: 'one' })],
    ['has no id', JSON.stringify({ version: 1, ...key })],
  ] as const) {
    it(`a note that ${name} counts as none`, async (test) => {
      const folder = folderFor(test);
      const journal = createUploadJournal(folder, { least: 0 });
      await journal.note(key, 'one');
      for (const file of filesIn(folder)) writeFileSync(file, text);
      assert.equal(await journal.find(key), undefined);
    });
  }

  it('a journal removes the notes that are older than a week, and no other file', async (test) => {
    const folder = folderFor(test);
    const writer = createUploadJournal(folder, { least: 0 });
    await writer.note(key, 'old');
    await writer.note({ ...key, repository: 'acme/new' }, 'new');
    const [old] = filesIn(folder).filter((file) => readFileSync(file, 'utf8').includes('"old"'));
    writeFileSync(join(folder, 'notes.txt'), 'mine');
    const before = new Date(Date.now() - week - 1000);
    for (const file of [old ?? '', join(folder, 'notes.txt')]) utimesSync(file, before, before);
    const journal = createUploadJournal(folder, { least: 0 });
    assert.equal(await journal.find(key), undefined);
    assert.equal(await journal.find({ ...key, repository: 'acme/new' }), 'new');
    assert.equal(filesIn(folder).length, 2);
  });

  it('sent-at-once: a second turn at one upload waits for the first, and other uploads do not', async (test) => {
    const folder = folderFor(test);
    const [one, two] = [createUploadJournal(folder, { least: 0 }), createUploadJournal(folder, { least: 0 })];
    const first = await one.turn(key);
    const waiting = two.turn(key);
    const other = await two.turn({ ...key, repository: 'acme/other' });
    assert.deepEqual([first.waited, other.waited], [false, false]);
    await first[Symbol.asyncDispose]();
    const second = await waiting;
    assert.equal(second.waited, true);
    await second[Symbol.asyncDispose]();
    await other[Symbol.asyncDispose]();
    assert.deepEqual(readdirSync(folder), []);
  });

  it('a turn that waits ends with the signal', async (test) => {
    const journal = createUploadJournal(folderFor(test), { least: 0 });
    await using first = await journal.turn(key);
    const end = new AbortController();
    const waiting = journal.turn(key, { signal: end.signal });
    end.abort('enough');
    await assert.rejects(waiting, (error) => error === 'enough');
    assert.equal(first.waited, false);
  });

  it('an upload below the least size takes no turn', async (test) => {
    const folder = folderFor(test);
    const journal = createUploadJournal(folder);
    await using first = await journal.turn(key);
    await using second = await journal.turn(key);
    assert.deepEqual([first.waited, second.waited], [false, false]);
    assert.equal(existsSync(folder), false);
  });

  it('a journal lists its notes, the newest first, and no damaged ones', async (test) => {
    const folder = folderFor(test);
    const journal = createUploadJournal(folder, { least: 0 });
    assert.deepEqual(await journal.list(), []);
    const other = { ...key, repository: 'acme/other' };
    await journal.note(other, 'two');
    const noted = new Date(Date.now() - 60_000);
    for (const file of filesIn(folder)) utimesSync(file, noted, noted);
    await journal.note(key, 'one');
    for (const name of ['0'.repeat(64), 'notes']) writeFileSync(join(folder, `${name}.json`), '{"version":1');
    const found = await journal.list();
    assert.deepEqual(
      found.map(({ repository }) => repository),
      ['acme/app', 'acme/other'],
    );
    assert.equal(found[1]?.noted.getTime(), noted.getTime());
  });

  it('a journal takes no turn and makes no note in a folder of another user', {
    skip: process.getuid?.() === 0 ? false : 'only root gives folders away',
  }, async (test) => {
    const folder = folderFor(test);
    mkdirSync(folder);
    chownSync(folder, 1234, 1234);
    const journal = createUploadJournal(folder, { least: 0 });
    await assert.rejects(journal.turn(key), { code: 'NO_PERMISSION' });
    await assert.rejects(journal.note(key, 'one'), { code: 'NO_PERMISSION' });
    assert.deepEqual(readdirSync(folder), []);
  });

  it('a journal whose folder is a file fails no upload', async (test) => {
    const folder = folderFor(test);
    writeFileSync(folder, '');
    const memory = createMemoryRegistry();
    await using client = createClient({
      transport: createApp(memory),
      keychain: async () => undefined,
      upload: { journal: createUploadJournal(folder, { least: 0 }) },
    });
    const { outcome } = await client.writeLayer({
      repository: 'registry.test/acme/app',
      layer: createLayer(blob.content, { mediaType: MediaType.octetStream }),
    });
    assert.equal(outcome, 'uploaded');
  });
});

describe('a client with an upload journal', () => {
  it('a second client continues the upload that the first one could not finish', async (test) => {
    const folder = folderFor(test);
    mkdirSync(folder);
    const memory = createMemoryRegistry();
    const app = createApp(memory);
    const asked: string[] = [];
    let left = 3;
    let isBroken = true;
    const transport: Send = async (request) => {
      const { kind } = parseOperation(request.method, new URL(request.url).pathname);
      asked.push(kind);
      if (isBroken && kind === 'upload.append' && left-- === 0) throw new TransportError('CUT_OFF', 'cut');
      return app(request);
    };
    const write = async (): Promise<unknown> => {
      await using client = createClient({
        transport,
        keychain: async () => undefined,
        retry: { uploads: { attempts: 1 } },
        upload: {
          chunkSize: 100,
          journal: createUploadJournal(folder, { least: 0 }),
        },
      });
      const layer = createLayer(blob.content, { mediaType: MediaType.octetStream });
      return await client.writeLayer({ repository: 'registry.test/acme/app', layer, chunkThreshold: 100 });
    };
    await assert.rejects(write(), { code: 'CUT_OFF' });
    assert.equal(readdirSync(folder).length, 1);
    isBroken = false;
    const before = asked.length;
    await write();
    const chunks = asked.slice(before).filter((kind) => kind === 'upload.append');
    // Three of ten chunks are there, and the last one goes with the commit.
    assert.equal(chunks.length, 6);
    assert.deepEqual(await read(memory.repository('acme/app').blobs.open(blob.descriptor)), blob.bytes);
    assert.deepEqual(readdirSync(folder), []);
  });
});
