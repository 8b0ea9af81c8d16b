import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from './app.ts';
import { type Ask, asking, assertRefused, imageText, ociManifest, pushImage } from './ask.test.support.ts';

async function withTags(tags: readonly string[]): Promise<Ask> {
  const ask = asking(createApp(createMemoryRegistry()));
  await pushImage(ask, 'a', undefined);
  for (const tag of tags) {
    await ask('PUT', `/v2/a/manifests/${tag}`, {
      body: imageText(),
      headers: { 'content-type': ociManifest },
    });
  }
  return ask;
}

describe('end-8, GET of the tags', () => {
  const rows: readonly [name: string, query: string, tags: string[], link: string | undefined][] = [
    ['all in byte order', '', ['A', 'a', 'b', 'c'], undefined],
    ['n tags and a link to the next page', '?n=2', ['A', 'a'], '</v2/a/tags/list?n=2&last=a>; rel="next"'],
    ['the tags after last', '?n=2&last=a', ['b', 'c'], undefined],
    ['the tags after a missing tag', '?last=aa', ['b', 'c'], undefined],
    ['nothing after the last tag', '?last=c', [], undefined],
    ['no tag for n=0', '?n=0', [], undefined],
    ['all tags for a larger n', '?n=4', ['A', 'a', 'b', 'c'], undefined],
    ['a limited number for a huge n', '?n=1000000', ['A', 'a', 'b', 'c'], undefined],
  ];
  for (const [name, query, tags, link] of rows) {
    it(`GET of the tags lists ${name}`, async () => {
      const answer = await (await withTags(['c', 'b', 'A', 'a']))('GET', `/v2/a/tags/list${query}`);
      assert.equal(answer.status, 200);
      assert.deepEqual(JSON.parse(answer.text), { name: 'a', tags });
      assert.equal(answer.header('link'), link);
    });
  }

  it('GET of the tags is an empty list for a repository without tags', async () => {
    const answer = await (await withTags([]))('GET', '/v2/a/tags/list');
    assert.equal(answer.text, '{"name":"a","tags":[]}');
  });

  it('GET of the tags knows no repository without a write', async () => {
    assertRefused(await (await withTags([]))('GET', '/v2/b/tags/list'), 404, 'NAME_UNKNOWN');
  });

  it('GET of the tags lists at most a thousand at once', async () => {
    const ask = await withTags([]);
    const { digest } = await pushImage(ask, 'a', undefined);
    for (let from = 0; from < 1100; from += 100) {
      const tags = Array.from({ length: 100 }, (_, at) => `tag=t${String(from + at).padStart(4, '0')}`);
      await ask('PUT', `/v2/a/manifests/${digest}?${tags.join('&')}`, {
        body: imageText(),
        headers: { 'content-type': ociManifest },
      });
    }
    const answer = await ask('GET', '/v2/a/tags/list?n=5000');
    assert.equal(JSON.parse(answer.text).tags.length, 1000);
    assert.equal(answer.header('link'), '</v2/a/tags/list?n=1000&last=t0999>; rel="next"');
  });
});
