import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { streamContent } from '../flow/content.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from './app.ts';
import { type Ask, asking, assertRefused, digestText, Gate, streamOf } from './ask.test.support.ts';

const text = 'hello, blob!';
const digest = digestText(text);

function newRegistry(): Ask {
  return asking(createApp(createMemoryRegistry()));
}

async function start(ask: Ask, query = ''): Promise<string> {
  const answer = await ask('POST', `/v2/a/blobs/uploads/${query}`);
  assert.equal(answer.status, 202);
  return answer.header('location') ?? '';
}

function chunk(from: number, body: string): { body: string; headers: Record<string, string> } {
  return { body, headers: { 'content-range': `${from}-${from + body.length - 1}` } };
}

describe('end-4a, POST of an upload', () => {
  it("POST of an upload returns a path as its Location, independent of the client's Host", async () => {
    const answer = await newRegistry()('POST', '/v2/a/b/blobs/uploads/', { headers: { host: 'evil' } });
    assert.equal(answer.status, 202);
    assert.match(answer.header('location') ?? '', /^\/v2\/a\/b\/blobs\/uploads\/[\w-]+$/);
    assert.equal(answer.header('content-length'), '0');
  });

  it('POST of an upload gives each upload its own Location', async () => {
    const ask = newRegistry();
    assert.notEqual(await start(ask), await start(ask));
  });

  it('POST of an upload accepts sha512 if it is announced (end-4c)', async () => {
    const ask = newRegistry();
    const location = await start(ask, '?digest-algorithm=sha512');
    const sha512 = digestText(text, 'sha512');
    const end = await ask('PUT', `${location}?digest=${sha512}`, { body: text });
    assert.equal(end.status, 201);
    assert.equal(end.header('docker-content-digest'), sha512);
    assert.equal((await ask('GET', `/v2/a/blobs/${sha512}`)).header('docker-content-digest'), sha512);
  });

  it('POST of an upload refuses an algorithm that gantry cannot compute', async () => {
    const ask = newRegistry();
    assertRefused(await ask('POST', '/v2/a/blobs/uploads/?digest-algorithm=md5'), 400, 'DIGEST_INVALID');
    assertRefused(await ask('POST', '/v2/a/blobs/uploads/?digest=x:1', { body: 'x' }), 400, 'DIGEST_INVALID');
    assertRefused(await ask('POST', '/v2/a/blobs/uploads/?mount=x:1'), 400, 'DIGEST_INVALID');
  });
});

describe('end-4b, POST of a whole blob', () => {
  it('POST of a whole blob stores it', async () => {
    const ask = newRegistry();
    const answer = await ask('POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body: text });
    assert.equal(answer.status, 201);
    assert.equal(answer.header('location'), `/v2/a/blobs/${digest}`);
    assert.equal((await ask('GET', answer.header('location') ?? '')).text, text);
  });

  it('POST of a whole blob stores an empty one', async () => {
    const answer = await newRegistry()('POST', `/v2/a/blobs/uploads/?digest=${digestText('')}`);
    assert.equal(answer.status, 201);
  });

  it('POST of a whole blob stores nothing with another digest', async () => {
    const ask = newRegistry();
    const answer = await ask('POST', `/v2/a/blobs/uploads/?digest=${digest}`, { body: 'other' });
    assertRefused(answer, 400, 'DIGEST_INVALID');
    assert.equal((await ask('HEAD', `/v2/a/blobs/${digest}`)).status, 404);
  });
});

describe('end-5, PATCH of a chunk', () => {
  it('PATCH accepts chunks in order and reports the offset', async () => {
    const ask = newRegistry();
    const location = await start(ask);
    const first = await ask('PATCH', location, chunk(0, 'hello, '));
    assert.equal(first.status, 202);
    assert.equal(first.header('range'), '0-6');
    assert.equal(first.header('location'), location);
    const second = await ask('PATCH', first.header('location') ?? '', chunk(7, 'blob!'));
    assert.equal(second.header('range'), '0-11');
    assert.equal((await ask('PUT', `${location}?digest=${digest}`)).status, 201);
    assert.equal((await ask('GET', `/v2/a/blobs/${digest}`)).text, text);
  });

  it('PATCH accepts a stream without a range or a length, as docker sends it', async () => {
    const ask = newRegistry();
    const location = await start(ask);
    const answer = await ask('PATCH', location, { body: streamOf(['hello, ', 'blob!']) });
    assert.equal(answer.header('range'), '0-11');
    assert.equal((await ask('PUT', `${location}?digest=${digest}`)).status, 201);
  });

  const wrong: readonly [name: string, range: string][] = [
    ['too far ahead', '9-13'],
    ['again from the beginning', '0-4'],
    ['with the range of RFC 9110', 'bytes 7-11/12'],
    ['backwards', '11-7'],
  ];
  for (const [name, range] of wrong) {
    it(`PATCH refuses a chunk ${name}, keeps nothing of it, and then accepts the right one`, async () => {
      const ask = newRegistry();
      const location = await start(ask);
      await ask('PATCH', location, chunk(0, 'hello, '));
      const refused = await ask('PATCH', location, { body: 'blob!', headers: { 'content-range': range } });
      assertRefused(refused, 416, 'RANGE_INVALID');
      assert.equal(refused.header('range'), '0-6');
      assert.equal(refused.header('location'), location);
      const status = await ask('GET', location);
      assert.equal(status.header('range'), '0-6');
      assert.equal((await ask('PATCH', location, chunk(7, 'blob!'))).status, 202);
      assert.equal((await ask('PUT', `${location}?digest=${digest}`)).status, 201);
    });
  }

  it('PATCH accepts only one of two chunks for the same offset at the same time', async () => {
    const ask = newRegistry();
    const location = await start(ask);
    const answers = await Promise.all([
      ask('PATCH', location, chunk(0, 'hello')),
      ask('PATCH', location, chunk(0, 'HELLO')),
    ]);
    assert.deepEqual(
      answers.map(({ status }) => status).sort((a, b) => a - b),
      [202, 416],
    );
    assert.equal((await ask('GET', location)).header('range'), '0-4');
  });

  it('PATCH refuses a body whose length is not that of its range', async () => {
    const ask = newRegistry();
    const location = await start(ask);
    const headers = { 'content-range': '0-99' };
    assertRefused(await ask('PATCH', location, { body: 'short', headers }), 400, 'SIZE_INVALID');
    const sixty = 'x'.repeat(60);
    const long = await ask('PATCH', location, { body: streamOf([sixty, sixty]), headers });
    assertRefused(long, 400, 'SIZE_INVALID');
    assert.equal((await ask('GET', location)).header('range'), '0-59');
  });

  it('PATCH refuses a chunk that has a range and no body', async () => {
    const ask = newRegistry();
    const location = await start(ask);
    const answer = await ask('PATCH', location, { headers: { 'content-range': '0-5' } });
    assertRefused(answer, 400, 'SIZE_INVALID');
  });

  it('PATCH knows only sessions of this repository', async () => {
    const ask = newRegistry();
    const location = (await start(ask)).replace('/v2/a/', '/v2/b/');
    for (const method of ['GET', 'PATCH', 'DELETE']) {
      assertRefused(await ask(method, location), 404, 'BLOB_UPLOAD_UNKNOWN');
    }
    assertRefused(await ask('PUT', `${location}?digest=${digest}`), 404, 'BLOB_UPLOAD_UNKNOWN');
  });
});

describe('end-6, PUT that closes an upload', () => {
  it('PUT closes an upload with the whole blob', async () => {
    const ask = newRegistry();
    const end = await ask('PUT', `${await start(ask)}?digest=${digest}`, { body: text });
    assert.equal(end.status, 201);
    assert.equal(end.header('location'), `/v2/a/blobs/${digest}`);
    assert.equal(end.header('docker-content-digest'), digest);
  });

  it('PUT closes an upload with the last chunk, with or without its range', async () => {
    for (const last of [chunk(7, 'blob!'), { body: 'blob!' }]) {
      const ask = newRegistry();
      const location = await start(ask);
      await ask('PATCH', location, chunk(0, 'hello, '));
      assert.equal((await ask('PUT', `${location}?digest=${digest}`, last)).status, 201);
      assert.equal((await ask('GET', `/v2/a/blobs/${digest}`)).text, text);
    }
  });

  it('PUT refuses a last chunk at the wrong offset, and the session continues at the same address', async () => {
    const ask = newRegistry();
    const location = `${await start(ask)}?digest=${digest}`;
    await ask('PATCH', location, chunk(0, 'hello, '));
    for (const from of [8, 0]) {
      assertRefused(await ask('PUT', location, chunk(from, 'blob!')), 416, 'RANGE_INVALID');
      const status = await ask('GET', location);
      assert.equal(status.status, 204);
      assert.equal(status.header('range'), '0-6');
    }
    assert.equal((await ask('PUT', location, chunk(7, 'blob!'))).status, 201);
  });

  it('PUT stores nothing with another digest', async () => {
    const ask = newRegistry();
    const end = await ask('PUT', `${await start(ask)}?digest=${digest}`, { body: 'other' });
    assertRefused(end, 400, 'DIGEST_INVALID');
    assert.equal((await ask('HEAD', `/v2/a/blobs/${digest}`)).status, 404);
  });

  it('PUT needs a digest, of a known algorithm', async () => {
    const ask = newRegistry();
    const location = await start(ask);
    assertRefused(await ask('PUT', location), 400, 'DIGEST_INVALID');
    assertRefused(await ask('PUT', `${location}?digest=x:1`), 400, 'DIGEST_INVALID');
    assertRefused(await ask('PUT', `${location}?digest=sha256:bad`), 400, 'DIGEST_INVALID');
  });

  it('PUT closes an upload once', async () => {
    const ask = newRegistry();
    const location = `${await start(ask)}?digest=${digest}`;
    await ask('PUT', location, { body: text });
    assertRefused(await ask('PUT', location, { body: text }), 404, 'BLOB_UPLOAD_UNKNOWN');
  });
});

describe('end-13, GET of an upload', () => {
  it('GET of an upload reports an empty session in the common form', async () => {
    const ask = newRegistry();
    const location = await start(ask);
    const status = await ask('GET', location);
    assert.equal(status.status, 204);
    assert.equal(status.header('range'), '0-0');
    assert.equal(status.header('location'), location);
    assert.equal(status.header('content-length'), undefined);
  });

  it('GET of an upload reports the offset of a body that broke off', async () => {
    const ask = newRegistry();
    const location = await start(ask);
    const cut = new Error('cut');
    await assert.rejects(
      ask('PATCH', location, { body: streamOf(['hello'], cut) }),
      (error) => error === cut,
    );
    assert.equal((await ask('GET', location)).header('range'), '0-4');
  });
});

describe('a session in use', () => {
  it('GET of an upload in use waits for the bytes on their way', async () => {
    const ask = newRegistry();
    const location = await start(ask);
    const arrival = new Gate();
    const parts = async function* (): AsyncIterable<Uint8Array> {
      yield new Uint8Array(5);
      await arrival.opened;
      yield new Uint8Array(5);
    };
    const append = ask('PATCH', location, { body: streamContent(parts()) });
    const status = ask('GET', location);
    arrival.open();
    assert.equal((await status).header('range'), '0-9');
    assert.equal((await append).status, 202);
  });
});

describe('end-14, DELETE of an upload', () => {
  it('DELETE of an upload removes it', async () => {
    const ask = newRegistry();
    const location = await start(ask);
    assert.equal((await ask('DELETE', location)).status, 204);
    assertRefused(await ask('GET', location), 404, 'BLOB_UPLOAD_UNKNOWN');
    assertRefused(await ask('DELETE', location), 404, 'BLOB_UPLOAD_UNKNOWN');
  });
});
