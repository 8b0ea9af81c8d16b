import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { digestText } from '../../src/server/ask.test.support.ts';
import { type Dialled, dial, head } from '../../src/server/node/dial.test.support.ts';
import { atEnd } from '../at-end.ts';
import { gantry, saidOnStderr, startGantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';

interface Served {
  readonly child: ChildProcess;
  readonly url: string;
  readonly port: number;
}

async function serve(test: TestContext, args: readonly string[]): Promise<Served> {
  const child = startGantry(['serve', '--address', '127.0.0.1:0', ...args]);
  atEnd(test, () => child.kill('SIGKILL'));
  const [, port = ''] = await saidOnStderr(child, /serving on port (\d+)/);
  return { child, port: Number(port), url: `http://127.0.0.1:${port}` };
}

const noSignals = process.platform === 'win32' ? 'Windows has no signals' : false;
const text = 'hello, blob!';
const digest = digestText(text);

/** Sends half of a PUT to a server that has begun to read it. */
async function slowUpload(test: TestContext, { url, port }: Served): Promise<Dialled & { location: string }> {
  const start = await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' });
  const location = start.headers.get('location') ?? '';
  const dialled = await dial(test, port);
  dialled.socket.write(
    head([
      `PUT ${location}?digest=${digest} HTTP/1.1`,
      `Content-Length: ${text.length}`,
      'Expect: 100-continue',
    ]),
  );
  assert.match(await dialled.read(/\r\n\r\n/), /^HTTP\/1.1 100 /);
  dialled.socket.write(text.slice(0, 5));
  return { ...dialled, location };
}

describe('gantry serve that is told to stop', { skip: noSignals }, () => {
  it('serve lets an upload end after a stop, accepts no more connections, and ends with the code of the signal', async (test) => {
    const cwd = await folder(test);
    const disk = join(cwd, 'store');
    const served = await serve(test, ['--disk', disk]);
    const { socket, read } = await slowUpload(test, served);
    const ended = once(served.child, 'close');
    served.child.kill('SIGTERM');
    await refused(served.url);
    socket.write(text.slice(5));
    const answer = await read();
    assert.match(answer, /^HTTP\/1.1 201 /);
    assert.match(answer, /\r\nconnection: close\r\n/i);
    assert.deepEqual(await ended, [143, null]);

    const again = await serve(test, ['--disk', disk]);
    assert.equal(await (await fetch(`${again.url}/v2/a/blobs/${digest}`)).text(), text);
  });

  it('serve cuts open requests after its grace period', async (test) => {
    const served = await serve(test, ['--grace', '0']);
    const { read } = await slowUpload(test, served);
    const ended = once(served.child, 'close');
    served.child.kill('SIGINT');
    assert.equal(await read(), '');
    assert.deepEqual(await ended, [130, null]);
  });

  it('serve ends at once after a second signal', async (test) => {
    const served = await serve(test, ['--grace', '600']);
    const { read } = await slowUpload(test, served);
    const ended = once(served.child, 'close');
    served.child.kill('SIGTERM');
    await refused(served.url);
    served.child.kill('SIGTERM');
    assert.equal(await read(), '');
    assert.deepEqual(await ended, [143, null]);
  });
});

/** Resolves when nothing listens there any more. */
async function refused(url: string): Promise<void> {
  for (;;) {
    try {
      await (await fetch(url, { headers: { connection: 'close' } })).arrayBuffer();
    } catch {
      return;
    }
  }
}

async function linesOf(path: string): Promise<readonly Readonly<Record<string, unknown>>[]> {
  const lines = (await readFile(path, 'utf8')).split('\n').filter((line) => line !== '');
  return lines.map((line) => JSON.parse(line));
}

/** Returns the lines of the log when it has this many: the server writes a line when the response has arrived. */
async function logged(path: string, count: number): Promise<readonly Readonly<Record<string, unknown>>[]> {
  for (;;) {
    const lines = await linesOf(path).catch(() => []);
    if (lines.length >= count) return lines;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('the access log of gantry serve', () => {
  it('the access log has a line of JSON for each exchange', async (test) => {
    const path = join(await folder(test), 'access.log');
    const { url } = await serve(test, ['--log', path]);
    const headers = { 'user-agent': 'tester/1' };
    await fetch(`${url}/v2/a/blobs/uploads/?digest=${digest}`, { method: 'POST', body: text, headers });
    await (await fetch(`${url}/v2/a/blobs/${digest}?token=hidden`, { headers })).text();
    const [push, pull] = await logged(path, 2);
    assert.equal(push?.['method'], 'POST');
    assert.equal(push?.['path'], `/v2/a/blobs/uploads/?digest=${digest}`);
    assert.equal(push?.['operation'], 'upload.start');
    assert.equal(push?.['status'], 201);
    assert.equal(push?.['received'], text.length);
    assert.equal(push?.['agent'], 'tester/1');
    assert.equal(push?.['remote'], '127.0.0.1');
    assert.equal(pull?.['path'], `/v2/a/blobs/${digest}?token=***`);
    assert.equal(pull?.['sent'], text.length);
  });

  it('the access log continues in a new file after SIGHUP, and appends to an old one', {
    skip: noSignals,
  }, async (test) => {
    const path = join(await folder(test), 'access.log');
    await writeFile(path, '{"line":"of yesterday"}\n');
    const { url, child } = await serve(test, ['--log', path]);
    await (await fetch(`${url}/v2/`)).text();
    assert.equal((await logged(path, 2))[0]?.['line'], 'of yesterday');
    await rename(path, `${path}.1`);
    child.kill('SIGHUP');
    let seen: readonly Readonly<Record<string, unknown>>[] = [];
    while (seen.length === 0) {
      await (await fetch(`${url}/v2/_catalog`)).text();
      seen = await linesOf(path).catch(() => []);
    }
    assert.equal(seen[0]?.['operation'], 'catalog');
  });

  it('the access log goes to stdout for -', async (test) => {
    const { url, child } = await serve(test, ['--log', '-']);
    const line = child.stdout === null ? [] : once(child.stdout, 'data');
    await (await fetch(`${url}/healthz`)).text();
    assert.equal(JSON.parse(String((await line)[0])).path, '/healthz');
  });

  it('an access log that cannot be written ends serve before it opens its port', async (test) => {
    const cwd = await folder(test);
    const { code, stderr } = await gantry(['serve', '--log', join(cwd, 'none', 'access.log')]);
    assert.equal(code, 1);
    assert.match(stderr, /^gantry: [^\n]*none[^\n]*\n$/);
  });
});

describe('gantry serve for operators', () => {
  it('serve shows its health, and its counts with --metrics', async (test) => {
    const { url } = await serve(test, ['--metrics']);
    assert.equal(await (await fetch(`${url}/healthz`)).text(), '{"status":"ok"}');
    await fetch(`${url}/v2/a/blobs/uploads/`, { method: 'POST' });
    const counts = await (await fetch(`${url}/metrics`)).text();
    assert.match(counts, /^gantry_requests_total\{operation="upload.start",status="2xx"\} 1$/m);
    assert.match(counts, /^gantry_upload_sessions 1$/m);
    assert.match(counts, /^process_resident_memory_bytes \d{7,}$/m);
    const { url: silent } = await serve(test, []);
    assert.equal((await fetch(`${silent}/metrics`)).status, 404);
  });

  const closed: readonly [flag: string, method: string, target: string, status: number][] = [
    ['--read-only', 'POST', '/v2/a/blobs/uploads/', 405],
    ['--no-delete', 'DELETE', `/v2/a/blobs/${digest}`, 405],
    ['--max-sessions=1', 'POST', '/v2/a/blobs/uploads/', 429],
    ['--max-repository-sessions=1', 'POST', '/v2/a/blobs/uploads/', 429],
    ['--max-tags=1', 'PUT', `/v2/a/manifests/${digest}?tag=a&tag=b`, 414],
    ['--max-manifest=1K', 'PUT', '/v2/a/manifests/a', 413],
    ['--max-blob=1KiB', 'POST', `/v2/a/blobs/uploads/?digest=${digest}`, 413],
  ];
  for (const [flag, method, target, status] of closed) {
    it(`${flag} makes ${method} ${target.replace(digest, 'DIGEST')} a ${status}`, async (test) => {
      const { url } = await serve(test, [flag]);
      if (status === 429) await fetch(url + target, { method });
      const body = status === 413 ? 'x'.repeat(2_000) : undefined;
      const answer = await fetch(url + target, { method, ...(body === undefined ? {} : { body }) });
      assert.equal(answer.status, status);
    });
  }

  it('a flag that can not be meant ends it', async () => {
    assert.equal((await gantry(['serve', '--max-manifest=5M'])).code, 2);
  });
});
