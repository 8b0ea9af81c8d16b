import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createGate } from '../../test/gate.ts';
import { bytesContent } from '../flow/content.ts';
import { createNodeTransport } from '../http/node/transport.ts';
import { failsWith, listOf } from '../testing/contract/sample.ts';
import type { Send } from '../wire/message.ts';
import { createClient } from './client.ts';
import type { CopiedTag, SkippedName } from './copy-repository.ts';
import { makeImage, open } from './stage.test.support.ts';

describe('a copy of all tags', () => {
  const tags = ['a', 'b', 'c', 'd', 'e', 'f'];

  it('a copy of all tags yields each in order, kept ones included', async (test) => {
    const { client, host } = await open(test);
    for (const tag of tags) await client.pushImage(`${host}/app:${tag}`, await makeImage(tag));
    await client.pushImage(`${host}/copy:b`, await makeImage('mine'));
    const kept = (await client.getDescriptor(`${host}/copy:b`)).digest;
    const copied = await listOf(client.copyRepository(`${host}/app`, `${host}/copy`, { noClobber: true }));
    assert.deepEqual(
      copied.map(({ tag, outcome }) => `${tag} ${outcome}`),
      tags.map((tag) => `${tag} ${tag === 'b' ? 'kept' : 'copied'}`),
    );
    for (const one of copied) {
      assert.ok(one.outcome !== 'skipped');
      const { tag, digest } = one;
      if (tag === 'b') assert.equal(digest, kept);
      assert.equal((await client.getDescriptor(`${host}/copy:${tag}`)).digest, digest);
    }
  });

  const destinations: readonly [name: string, path: string, asks: number][] = [
    ['asks for no tag at a missing destination', 'none', 0],
    ['asks only for the tags that the destination lists', 'some', 1],
    ['asks for each tag if the destination refuses a list', 'closed', tags.length],
    ['asks for each tag if the destination has very many', 'many', tags.length],
  ];
  for (const [name, path, asks] of destinations) {
    it(`a copy of all tags ${name}`, async (test) => {
      const { client, host } = await open(test);
      for (const tag of tags) await client.pushImage(`${host}/app:${tag}`, await makeImage(tag));
      await client.pushImage(`${host}/some:b`, await makeImage('mine'));
      const lists: Readonly<Record<string, [status: number, names: readonly string[]]>> = {
        closed: [403, []],
        many: [200, Array.from({ length: 1000 }, (_, at) => `t${at}`)],
      };
      const node = createNodeTransport();
      let asked = 0;
      const send: Send = async (request) => {
        if (request.method === 'HEAD' && request.url.includes(`/${path}/manifests/`)) asked++;
        const [status, names] = (request.url.includes(`/${path}/tags/list`) && lists[path]) || [];
        if (status === undefined) return node.send(request);
        const body = new TextEncoder().encode(JSON.stringify({ name: path, tags: names }));
        return { status, headers: {}, body: bytesContent(body).open() };
      };
      await using own = createClient({ keychain: async () => undefined, transport: { ...node, send } });
      await listOf(own.copyRepository(`${host}/app`, `${host}/${path}`));
      assert.equal(asked, asks);
      for (const tag of tags) {
        const { digest } = await client.getDescriptor(`${host}/app:${tag}`);
        assert.equal((await client.getDescriptor(`${host}/${path}:${tag}`)).digest, digest);
      }
    });
  }

  it('a slow tag does not stop the copies of the tags behind it', async (test) => {
    const { client, host } = await open(test);
    for (const tag of tags) await client.pushImage(`${host}/app:${tag}`, await makeImage(tag));
    const node = createNodeTransport();
    const { opened: isThere, open: tell } = createGate();
    const send: Send = async (request) => {
      if (request.method === 'GET' && request.url.endsWith('/app/manifests/a')) await isThere;
      const response = await node.send(request);
      if (request.method === 'PUT' && request.url.endsWith('/copy/manifests/c')) tell();
      return response;
    };
    await using own = createClient({ keychain: async () => undefined, transport: { ...node, send } });
    const copied = await listOf(own.copyRepository(`${host}/app`, `${host}/copy`, { jobs: 2 }));
    assert.deepEqual(
      copied.map(({ tag }) => tag),
      tags,
    );
  });

  it('the first failure ends the copy, and yielded tags are at the destination', async (test) => {
    const { client, host, registry } = await open(test);
    for (const tag of tags) await client.pushImage(`${host}/app:${tag}`, await makeImage(tag));
    const { layers = [] } = await client.inspect(`${host}/app:d`);
    assert.ok(layers[0]);
    await registry.registry.repository('app').blobs.delete(layers[0].digest);
    const yielded: (CopiedTag | SkippedName)[] = [];
    const copying = async (): Promise<void> => {
      const all = client.copyRepository(`${host}/app`, `${host}/copy`, { jobs: 2 });
      for await (const one of all) yielded.push(one);
    };
    await failsWith(copying(), 'BLOB_UNKNOWN');
    assert.deepEqual(
      yielded.map(({ tag }) => tag),
      ['a', 'b', 'c'],
    );
    const there = await listOf(client.tags(`${host}/copy`));
    assert.deepEqual(
      there.filter((tag) => tag <= 'd'),
      ['a', 'b', 'c'],
    );
  });

  it('the copy stops when the caller leaves the loop', async (test) => {
    const { client, host, asked } = await open(test);
    for (const tag of tags) await client.pushImage(`${host}/app:${tag}`, await makeImage(tag));
    for await (const { tag } of client.copyRepository(`${host}/app`, `${host}/copy`, { jobs: 1 })) {
      assert.equal(tag, 'a');
      break;
    }
    asked();
    await new Promise((resolve) => setImmediate(resolve));
    assert.deepEqual(asked(), []);
    assert.ok((await listOf(client.tags(`${host}/copy`))).length < tags.length);
  });

  it('a copy of a missing repository is NAME_UNKNOWN', async (test) => {
    const { client, host } = await open(test);
    await failsWith(listOf(client.copyRepository(`${host}/none`, `${host}/copy`)), 'NAME_UNKNOWN');
  });
});
