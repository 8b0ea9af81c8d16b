import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import {
  assertRefused,
  digestText,
  Gate,
  ociIndex,
  ociManifest,
  pushBlob,
  streamOf,
} from '../../src/server/ask.test.support.ts';
import { dial, head } from '../../src/server/node/dial.test.support.ts';
import { atEnd } from '../at-end.ts';
import { closing, serve, statusOf } from './rows-stage.ts';

const index = JSON.stringify({ schemaVersion: 2, mediaType: ociIndex, manifests: [] });

describe('S10: nobody exhausts the registry', () => {
  it('S10: a manifest that is announced as too long is refused before its body', async (test) => {
    const { port } = await serve(test);
    const { socket, read } = await dial(test, port);
    const length = `Content-Length: ${4 * 1024 * 1024 + 1}`;
    socket.write(head(['PUT /v2/a/manifests/v1 HTTP/1.1', length, 'Expect: 100-continue']));
    assert.equal(statusOf(await read(/\}\]\}$/)), 413);
  });

  it('S10: a manifest of unknown length is refused when it is too long, at its limit', async (test) => {
    const { ask } = await serve(test, { limits: { manifestBytes: 1_000 } });
    const headers = { 'content-type': ociIndex };
    const parts = Array.from({ length: 100 }, () => ' '.repeat(11));
    assertRefused(
      await ask('PUT', '/v2/a/manifests/v1', { body: streamOf(parts), headers }),
      413,
      'SIZE_INVALID',
    );
    const fits = index.padEnd(1_000);
    assert.equal((await ask('PUT', '/v2/a/manifests/v1', { body: fits, headers })).status, 201);
    assert.equal((await ask('PUT', '/v2/a/manifests/v1', { body: `${fits} `, headers })).status, 413);
  });

  const bombs: readonly [name: string, body: string][] = [
    ['arrays in arrays', '['.repeat(100_000)],
    ['objects in objects', '{"a":'.repeat(100_000)],
    ['a known field that goes deep', `{"schemaVersion":2,"config":${'['.repeat(50_000)}`],
    [
      'an annotation that goes deep',
      `{"schemaVersion":2,"annotations":${'{"a":'.repeat(1_000)}1${'}'.repeat(1_000)}}`,
    ],
    ['a number beyond counting', '{"schemaVersion":1e999999999}'],
    ['a size beyond counting', imageWith({ size: '9'.repeat(1_000_000) })],
    ['a size below nothing', imageWith({ size: '-1' })],
    ['the same key twice', `{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[],"manifests":[]}`],
    ['bytes that are no UTF-8', Buffer.from([0x7b, 0xff, 0x7d]).toString('latin1')],
    ['nothing', ''],
    ['null', 'null'],
    ['a string', '"a"'],
  ];
  for (const [name, body] of bombs) {
    it(`S10: a manifest is refused that is ${name}`, async (test) => {
      const { ask } = await serve(test);
      const answer = await ask('PUT', '/v2/a/manifests/v1', {
        body,
        headers: { 'content-type': ociManifest },
      });
      assertRefused(answer, 400, 'MANIFEST_INVALID');
    });
  }

  it('S10: a manifest of hundreds of thousands of entries is read in one go', async (test) => {
    const { ask } = await serve(test);
    const entry = JSON.stringify({ mediaType: ociManifest, digest: digestText('x'), size: 1 });
    const manifests = Array.from({ length: 25_000 }, () => entry).join(',');
    const body = `{"schemaVersion":2,"mediaType":"${ociIndex}","manifests":[${manifests}]}`;
    const answer = await ask('PUT', '/v2/a/manifests/v1', { body, headers: { 'content-type': ociIndex } });
    assert.equal(answer.status, 201);
  });

  const pages: readonly [query: string, status: number, count: number][] = [
    ['', 200, 3],
    ['?n=2', 200, 2],
    ['?n=1000000', 200, 3],
    ['?n=9007199254740991', 200, 3],
    ['?n=0', 200, 0],
    ['?n=-1', 400, 0],
    ['?n=1.5', 400, 0],
    ['?n=1e3', 400, 0],
    ['?n=99999999999999999999', 400, 0],
    ['?n=', 400, 0],
  ];
  for (const [query, status, count] of pages) {
    it(`S10: a page of ${query || 'everything'} has at most as many names as pages have`, async (test) => {
      const { ask } = await serve(test, { limits: { pageNames: 3 } });
      const tags = Array.from({ length: 5 }, (_, at) => `tag=t${at}`).join('&');
      await ask('PUT', `/v2/a/manifests/${digestText(index)}?${tags}`, {
        body: index,
        headers: { 'content-type': ociIndex },
      });
      const answer = await ask('GET', `/v2/a/tags/list${query}`);
      assert.equal(answer.status, status);
      if (status === 200) assert.equal(JSON.parse(answer.text).tags.length, count);
      assert.equal((await ask('GET', `/v2/_catalog${query}`)).status, status);
    });
  }

  it('S10: a request sets the permitted number of tags, and no more', async (test) => {
    const { ask } = await serve(test, { limits: { tagParameters: 10 } });
    const put = (count: number) => {
      const tags = Array.from({ length: count }, (_, at) => `tag=t${at}`).join('&');
      const target = `/v2/a/manifests/${digestText(index)}?${tags}`;
      return ask('PUT', target, { body: index, headers: { 'content-type': ociIndex } });
    };
    assertRefused(await put(11), 414, 'TAG_INVALID');
    assert.equal((await put(10)).status, 201);
  });

  it('S10: a list of ranges is not served piece by piece, and a malformed one is the whole or 416', async (test) => {
    const { ask } = await serve(test);
    const digest = await pushBlob(ask, 'a', 'hello');
    const get = (range: string) => ask('GET', `/v2/a/blobs/${digest}`, { headers: { range } });
    const many = Array.from({ length: 1_000 }, () => '0-').join(',');
    for (const range of [
      `bytes=${many}`,
      'bytes=0-1,3-4',
      'bytes=',
      'bytes=-',
      'bytes=a-b',
      'lines=0-1',
      '0-1',
      'bytes=0-1-2',
    ]) {
      const answer = await get(range);
      assert.equal(answer.status, 200, range.slice(0, 20));
      assert.equal(answer.text, 'hello');
    }
    for (const range of ['bytes=5-', 'bytes=9-1', 'bytes=-0', 'bytes=99999999999999999999-']) {
      assert.equal((await get(range)).status, 416, range);
    }
    assert.equal((await get('bytes=0-99999999999999999999')).text, 'hello');
  });

  const chunks = [
    '0-1',
    '1-5',
    '5-3',
    '-5',
    '0-',
    'bytes 0-4/5',
    'bytes=0-4',
    '0-99999999999999999999',
    '0x0-0x4',
    ' ',
  ];
  for (const range of chunks) {
    it(`S10: a chunk with the Content-Range ${JSON.stringify(range)} does not change its session`, async (test) => {
      const { ask } = await serve(test);
      const location = (await ask('POST', '/v2/a/blobs/uploads/')).header('location') ?? '';
      const answer = await ask('PATCH', location, { body: 'hello', headers: { 'content-range': range } });
      // An empty line is no header at all.
      const taken = range === ' ';
      assert.ok(taken ? answer.status === 202 : [400, 416].includes(answer.status), String(answer.status));
      assert.equal((await ask('GET', location)).header('range'), taken ? '0-4' : '0-0');
    });
  }

  it('S10: a blob of the largest size is accepted, and one more byte is refused, in every form of upload', async (test) => {
    const { ask } = await serve(test, { limits: { blobBytes: 10 } });
    const start = async () => (await ask('POST', '/v2/a/blobs/uploads/')).header('location') ?? '';
    const long = 'hello, blob';
    const target = `?digest=${digestText(long)}`;
    for (const body of [long, streamOf(['hello,', ' blob'])]) {
      assertRefused(await ask('POST', `/v2/a/blobs/uploads/${target}`, { body }), 413, 'SIZE_INVALID');
    }
    for (const body of [long, streamOf(['hello,', ' blob'])]) {
      assertRefused(await ask('PUT', (await start()) + target, { body }), 413, 'SIZE_INVALID');
      assertRefused(await ask('PATCH', await start(), { body: long }), 413, 'SIZE_INVALID');
    }
    const location = await start();
    assert.equal((await ask('PATCH', location, { body: 'hello,' })).status, 202);
    assertRefused(await ask('PATCH', location, { body: ' blob' }), 413, 'SIZE_INVALID');
    assert.equal(
      (await ask('PUT', `${location}?digest=${digestText('hello,blob')}`, { body: 'blob' })).status,
      201,
    );
  });

  it('S10: thousands of sessions are open at once, and one repository does not take them all', async (test) => {
    const { ask } = await serve(test, { limits: { repositorySessions: 2_000 } });
    const start = (repository: string) => ask('POST', `/v2/${repository}/blobs/uploads/`);
    const all = await Promise.all(Array.from({ length: 3_000 }, () => start('a')));
    assert.equal(all.filter(({ status }) => status === 202).length, 2_000);
    assert.equal(all.filter(({ status }) => status === 429).length, 1_000);
    const locations = all.flatMap((answer) => answer.header('location') ?? []);
    assert.equal(new Set(locations).size, 2_000);
    assert.equal((await start('b')).status, 202);
    assert.equal((await ask('GET', locations[1_234] ?? '')).status, 204);
    await ask('DELETE', locations[0] ?? '');
    assert.equal((await start('a')).status, 202);
  });

  it('S10: a head that is too long is refused, of many headers or of one', async (test) => {
    const { raw } = await serve(test, { headerBytes: 8_192 });
    const many = Array.from({ length: 1_000 }, (_, at) => `X-${at}: ${'y'.repeat(20)}`);
    assert.equal(statusOf(await raw(closing('GET /v2/', many))), 431);
    assert.equal(statusOf(await raw(closing('GET /v2/', [`X: ${'y'.repeat(10_000)}`]))), 431);
    assert.equal(statusOf(await raw(closing(`GET /v2/${'y'.repeat(10_000)}`))), 431);
    assert.equal(statusOf(await raw(closing('GET /v2/', [`X: ${'y'.repeat(5_000)}`]))), 200);
  });

  it('S10: an address that is too long is refused', async (test) => {
    const { raw } = await serve(test);
    assert.equal(statusOf(await raw(closing(`GET /v2/${'a/'.repeat(10_000)}tags/list`))), 414);
  });

  const heads = ['', 'GET /v2/ HTTP/1.1\r\nHost: local'];
  for (const begun of heads) {
    it(`S10: the server leaves a client that ${begun === '' ? 'sends nothing' : 'does not end the head of a request'}`, async (test) => {
      const { raw } = await serve(test, { requestIdle: 100 });
      assert.match(await raw(begun), /^HTTP\/1.1 408 /);
    });
  }

  it('S10: the server reads a slow body to its end, and cuts off a client that stops', async (test) => {
    const { ask, port } = await serve(test, { requestIdle: 1_000 });
    const location = (await ask('POST', '/v2/a/blobs/uploads/')).header('location') ?? '';
    const { socket, read } = await dial(test, port);
    socket.write(head([`PATCH ${location} HTTP/1.1`, 'Content-Length: 100']));
    for (let at = 0; at < 5; at++) {
      socket.write('x');
      await new Promise((resolve) => setImmediate(resolve));
    }
    assert.equal(await read(), '');
    assert.equal((await ask('GET', location)).header('range'), '0-4');
  });

  it('dripping-requests: a body that brings almost nothing for long is cut off', async (test) => {
    const { port } = await serve(test, { requestIdle: 500 });
    for (const start of [
      'PUT /v2/a/manifests/1 HTTP/1.1',
      'POST /v2/a/blobs/uploads/?digest=sha256:0 HTTP/1.1',
    ]) {
      const { socket } = await dial(test, port);
      const closed = once(socket, 'close');
      socket.on('error', () => undefined).resume();
      socket.write(head([start, 'Content-Length: 100000']));
      const drip = setInterval(() => socket.write('x'), 50);
      atEnd(test, () => clearInterval(drip));
      await closed;
    }
  });

  it('S10: a client that reads nothing of a response is cut off, and its content is read no further', async (test) => {
    const released = new Gate();
    const observer = { ended: released.open };
    const { ask, port } = await serve(test, { answerIdle: 50, observer });
    const text = 'x'.repeat(16 * 1024 * 1024);
    const digest = await pushBlob(ask, 'a', text);
    const { socket } = await dial(test, port);
    socket.pause();
    socket.write(head([`GET /v2/a/blobs/${digest} HTTP/1.1`]));
    // The socket stays paused. Reading it reports the end of the connection as the error or end of the other side.
    await released.opened;
    let come = 0;
    socket.on('data', (chunk: string) => {
      come += chunk.length;
    });
    const closed = once(socket, 'close');
    socket.resume();
    await closed;
    assert.ok(come < text.length, `${come} bytes came`);
  });

  it('S10: a listener accepts the permitted number of connections, and no more', async (test) => {
    const { port } = await serve(test, { connections: 2 });
    const held = [await dial(test, port), await dial(test, port)];
    for (const { socket, read } of held) {
      socket.write(head(['GET /v2/ HTTP/1.1']));
      assert.match(await read(/\{\}$/), /200/);
    }
    const { socket, read } = await dial(test, port);
    socket.write(head(['GET /v2/ HTTP/1.1']));
    assert.equal(await read(), '');
  });
});

function imageWith({ size }: { readonly size: string }): string {
  const digest = digestText('{}');
  return `{"schemaVersion":2,"mediaType":"${ociManifest}","config":{"mediaType":"a/b","digest":"${digest}","size":${size}},"layers":[]}`;
}
