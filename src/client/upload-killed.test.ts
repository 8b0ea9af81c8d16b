import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { folder } from '../archive/archives.test.samples.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import { listen } from '../server/node/listen.ts';
import { blobOf, noise, read } from '../testing/contract/sample.ts';
import type { Send } from '../wire/message.ts';
import { parseOperation } from '../wire/route.ts';

const unlessSignals = process.platform === 'win32' ? { skip: 'Windows has no signals' } : {};

const chunkSize = 256 * 1024;
const blob = blobOf(noise(12 * chunkSize));

interface Scene {
  readonly host: string;
  /** Bytes of bodies that reached the registry since the last call. */
  readonly received: () => number;
  /** Resolves when the registry holds the request with this number of chunks before it. */
  readonly held: (after: number) => Promise<void>;
  readonly stored: () => Promise<Uint8Array>;
  /** Loses all sessions, as a registry does that starts again. */
  readonly forget: () => void;
}

/** A registry that counts the bytes of uploads, and that can hold a request until its client is gone. */
async function scene(test: TestContext): Promise<Scene> {
  let memory = createMemoryRegistry();
  let app = createApp(memory);
  let bytes = 0;
  let chunks = 0;
  let limit = Number.POSITIVE_INFINITY;
  let reached: (() => void) | undefined;
  const counting: Send = async (request) => {
    const { kind } = parseOperation(request.method, request.url);
    if (kind === 'upload.append' && chunks++ >= limit) {
      reached?.();
      await new Promise((_, reject) =>
        request.signal?.addEventListener('abort', () => reject(request.signal?.reason)),
      );
    }
    if (request.body === undefined) return app(request);
    const { body } = request;
    const counted = {
      ...body,
      async *open(options = {}) {
        for await (const chunk of body.open(options)) {
          bytes += chunk.byteLength;
          yield chunk;
        }
      },
    };
    return app({ ...request, body: counted });
  };
  const listener = await listen(counting, {});
  atEnd(test, () => listener.close({ grace: 0 }));
  return {
    host: listener.url.replace('http://', ''),
    received: () => {
      const before = bytes;
      bytes = 0;
      return before;
    },
    held: (after) => {
      chunks = 0;
      limit = after;
      return new Promise((resolve) => {
        reached = () => {
          limit = Number.POSITIVE_INFINITY;
          resolve();
        };
      });
    },
    stored: () => read(memory.repository('acme/app').blobs.open(blob.descriptor)),
    forget: () => {
      memory = createMemoryRegistry();
      app = createApp(memory);
    },
  };
}

/** The URL of a compiled file, as code. */
function room(path: string): string {
  return JSON.stringify(new URL(path, import.meta.url).href);
}

/** Starts a process that writes the blob to the registry with a journal in the folder. */
function start(test: TestContext, host: string, cwd: string): ChildProcess {
  const code = `
    const { createClient } = await import(${room('./client.js')});
    const { createUploadJournal } = await import(${room('./upload-journal.js')});
    const { createLayer } = await import(${room('../image/layer.js')});
    const { bytesContent } = await import(${room('../flow/content.js')});
    const { readFileSync } = await import('node:fs');
    const client = createClient({
      keychain: async () => undefined,
      upload: { chunkSize: ${chunkSize}, journal: createUploadJournal('journal', { least: 0 }) },
    });
    const layer = createLayer(bytesContent(readFileSync('blob')), { mediaType: 'application/octet-stream' });
    const { outcome } = await client.writeLayer({
      repository: '${host}/acme/app', layer, chunkThreshold: ${chunkSize},
    });
    console.log(outcome);
    await client.close();`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    cwd,
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  atEnd(test, () => child.kill('SIGKILL'));
  return child;
}

async function run(
  test: TestContext,
  host: string,
  cwd: string,
): Promise<readonly [code: unknown, said: string]> {
  const child = start(test, host, cwd);
  let said = '';
  child.stdout?.on('data', (chunk: Buffer) => {
    said += chunk.toString();
  });
  const [code] = await once(child, 'close');
  return [code, said.trim()];
}

async function kill(child: ChildProcess): Promise<void> {
  const closed = once(child, 'close');
  child.kill('SIGKILL');
  await closed;
}

function workFolder(test: TestContext): string {
  const cwd = folder(test);
  writeFileSync(join(cwd, 'blob'), blob.bytes);
  return cwd;
}

describe('an upload journal between real processes', unlessSignals, () => {
  it('killed-upload: a process continues the upload of a killed process and sends only the missing bytes', async (test) => {
    const { host, received, held, stored } = await scene(test);
    const cwd = workFolder(test);
    const reached = held(8);
    const child = start(test, host, cwd);
    await reached;
    await kill(child);
    assert.equal(received(), 8 * chunkSize);
    assert.equal(readdirSync(join(cwd, 'journal')).filter((name) => name.endsWith('.json')).length, 1);
    assert.deepEqual(await run(test, host, cwd), [0, 'uploaded']);
    assert.equal(received(), 4 * chunkSize);
    assert.deepEqual(await stored(), blob.bytes);
    assert.deepEqual(readdirSync(join(cwd, 'journal')), []);
  });

  it('an upload that is killed twice continues each time at the offset of the registry', async (test) => {
    const { host, received, held, stored } = await scene(test);
    const cwd = workFolder(test);
    for (const chunks of [3, 5]) {
      const reached = held(chunks);
      const child = start(test, host, cwd);
      await reached;
      await kill(child);
      assert.equal(received(), chunks * chunkSize);
    }
    assert.deepEqual(await run(test, host, cwd), [0, 'uploaded']);
    assert.equal(received(), 4 * chunkSize);
    assert.deepEqual(await stored(), blob.bytes);
  });

  it('a process sends the whole blob when the registry has forgotten the session of a killed process', async (test) => {
    const { host, received, held, stored, forget } = await scene(test);
    const cwd = workFolder(test);
    const reached = held(4);
    const child = start(test, host, cwd);
    await reached;
    await kill(child);
    received();
    forget();
    assert.deepEqual(await run(test, host, cwd), [0, 'uploaded']);
    assert.equal(received(), blob.bytes.byteLength);
    assert.deepEqual(await stored(), blob.bytes);
    assert.deepEqual(readdirSync(join(cwd, 'journal')), []);
  });

  it('a process without the journal of a killed process sends the whole blob', async (test) => {
    const { host, received, held, stored } = await scene(test);
    const reached = held(6);
    const child = start(test, host, workFolder(test));
    await reached;
    await kill(child);
    received();
    assert.deepEqual(await run(test, host, workFolder(test)), [0, 'uploaded']);
    assert.equal(received(), blob.bytes.byteLength);
    assert.deepEqual(await stored(), blob.bytes);
  });

  it('a blob that another process finished in the meantime is not sent again', async (test) => {
    const { host, received, held } = await scene(test);
    const cwd = workFolder(test);
    const reached = held(6);
    const child = start(test, host, cwd);
    await reached;
    await kill(child);
    assert.deepEqual(await run(test, host, workFolder(test)), [0, 'uploaded']);
    received();
    assert.deepEqual(await run(test, host, cwd), [0, 'existed']);
    assert.equal(received(), 0);
  });
});
