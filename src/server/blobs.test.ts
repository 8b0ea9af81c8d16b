import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from './app.ts';
import { type Ask, asking, assertRefused, digestText, pushBlob } from './ask.test.support.ts';

const text = 'hello, blob!';
const digest = digestText(text);
const target = `/v2/a/blobs/${digest}`;

async function withBlob(): Promise<Ask> {
  const ask = asking(createApp(createMemoryRegistry()));
  await pushBlob(ask, 'a', text);
  return ask;
}

describe('end-2, GET of a blob', () => {
  it('GET of a blob returns the bytes, their digest, and a type that no browser shows', async () => {
    const answer = await (await withBlob())('GET', target);
    assert.equal(answer.status, 200);
    assert.equal(answer.text, text);
    assert.equal(answer.header('docker-content-digest'), digest);
    assert.equal(answer.header('content-type'), 'application/octet-stream');
    assert.equal(answer.header('x-content-type-options'), 'nosniff');
    assert.equal(answer.header('accept-ranges'), 'bytes');
    assert.equal(answer.header('etag'), `"${digest}"`);
  });

  const parts: readonly [range: string, expected: string, contentRange: string][] = [
    ['bytes=0-4', 'hello', 'bytes 0-4/12'],
    ['bytes=7-', 'blob!', 'bytes 7-11/12'],
    ['bytes=-5', 'blob!', 'bytes 7-11/12'],
    ['bytes=7-100', 'blob!', 'bytes 7-11/12'],
  ];
  for (const [range, expected, contentRange] of parts) {
    it(`GET of a blob returns the part ${range}`, async () => {
      const answer = await (await withBlob())('GET', target, { headers: { range } });
      assert.equal(answer.status, 206);
      assert.equal(answer.text, expected);
      assert.equal(answer.header('content-range'), contentRange);
      assert.equal(answer.header('content-length'), String(expected.length));
      assert.equal(answer.header('docker-content-digest'), digest);
    });
  }

  for (const range of ['bytes=100-200', 'bytes=5-0', 'bytes=12-']) {
    it(`GET of a blob refuses the part ${range}`, async () => {
      const answer = await (await withBlob())('GET', target, { headers: { range } });
      assertRefused(answer, 416, 'RANGE_INVALID');
      assert.equal(answer.header('content-range'), 'bytes */12');
    });
  }

  it('GET of a blob returns everything when several parts are requested', async () => {
    const answer = await (await withBlob())('GET', target, { headers: { range: 'bytes=0-1,3-4' } });
    assert.equal(answer.status, 200);
    assert.equal(answer.text, text);
  });

  it('GET of a blob returns the part only if the condition holds', async () => {
    const ask = await withBlob();
    const range = 'bytes=0-4';
    const same = await ask('GET', target, { headers: { range, 'if-range': `"${digest}"` } });
    assert.equal(same.status, 206);
    const other = await ask('GET', target, { headers: { range, 'if-range': '"x"' } });
    assert.equal(other.status, 200);
  });

  it('GET of a blob returns no body to a client that has it', async () => {
    const answer = await (await withBlob())('GET', target, { headers: { 'if-none-match': `W/"${digest}"` } });
    assert.equal(answer.status, 304);
    assert.equal(answer.bytes.byteLength, 0);
    assert.equal(answer.header('etag'), `"${digest}"`);
    assert.equal(answer.header('docker-content-digest'), digest);
  });

  it('GET of a blob finds only blobs of the repository itself', async () => {
    const ask = await withBlob();
    assertRefused(await ask('GET', `/v2/b/blobs/${digest}`), 404, 'BLOB_UNKNOWN');
    assertRefused(await ask('GET', `/v2/a/blobs/${digestText('x')}`), 404, 'BLOB_UNKNOWN');
  });

  it('GET of a blob finds none by an algorithm that gantry cannot compute', async () => {
    assertRefused(await (await withBlob())('GET', '/v2/a/blobs/x:1'), 404, 'BLOB_UNKNOWN');
  });

  it('GET of a blob returns an empty blob', async () => {
    const ask = asking(createApp(createMemoryRegistry()));
    await pushBlob(ask, 'a', '');
    const answer = await ask('GET', `/v2/a/blobs/${digestText('')}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.header('content-length'), '0');
  });
});

describe('end-10, DELETE of a blob', () => {
  it('DELETE removes a blob from this repository at once, and from no other', async () => {
    const ask = await withBlob();
    await ask('POST', `/v2/b/blobs/uploads/?mount=${digest}&from=a`);
    assert.equal((await ask('DELETE', target)).status, 202);
    assert.equal((await ask('HEAD', target)).status, 404);
    assert.equal((await ask('GET', `/v2/b/blobs/${digest}`)).text, text);
  });

  it('DELETE of a missing blob is 404', async () => {
    const ask = await withBlob();
    await ask('DELETE', target);
    assertRefused(await ask('DELETE', target), 404, 'BLOB_UNKNOWN');
  });
});
