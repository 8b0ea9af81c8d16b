import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from './app.ts';
import { type Ask, asking, digestText, pushBlob } from './ask.test.support.ts';

const text = 'hello, blob!';
const digest = digestText(text);

function newRegistry(): Ask {
  return asking(createApp(createMemoryRegistry()));
}

describe('end-11, POST that mounts', () => {
  it('a mount links a blob of another repository', async () => {
    const ask = newRegistry();
    await pushBlob(ask, 'from/here', text);
    const answer = await ask('POST', `/v2/a/blobs/uploads/?mount=${digest}&from=from%2Fhere`);
    assert.equal(answer.status, 201);
    assert.equal(answer.header('location'), `/v2/a/blobs/${digest}`);
    assert.equal((await ask('GET', `/v2/a/blobs/${digest}`)).text, text);
  });

  it('a mount links a blob of any repository when none is named, unless that is switched off', async () => {
    const registry = createMemoryRegistry();
    const ask = asking(createApp(registry));
    await pushBlob(ask, 'b', text);
    const careful = asking(createApp(registry, { anonymousMounts: false }));
    assert.equal((await careful('POST', `/v2/a/blobs/uploads/?mount=${digest}`)).status, 202);
    assert.equal((await ask('POST', `/v2/a/blobs/uploads/?mount=${digest}`)).status, 201);
  });

  it('a mount links a blob by its sha512', async () => {
    const ask = newRegistry();
    const sha512 = digestText(text, 'sha512');
    await ask('POST', `/v2/b/blobs/uploads/?digest=${sha512}`, { body: text });
    const answer = await ask('POST', `/v2/a/blobs/uploads/?mount=${sha512}&from=b`);
    assert.equal(answer.status, 201);
    assert.equal(answer.header('docker-content-digest'), sha512);
    assert.equal((await ask('HEAD', answer.header('location') ?? '')).status, 200);
  });

  for (const query of ['&from=b', '&from=..%2F..%2Fetc', '&from=', '']) {
    it(`a mount without a blob to link starts an upload (${query || 'no from'})`, async () => {
      const ask = newRegistry();
      const answer = await ask('POST', `/v2/a/blobs/uploads/?mount=${digest}${query}`);
      assert.equal(answer.status, 202);
      const end = await ask('PUT', `${answer.header('location')}?digest=${digest}`, { body: text });
      assert.equal(end.status, 201);
    });
  }
});
