import assert from 'node:assert/strict';
import { DataSet } from './data.ts';
import type { Point } from './point.ts';
import { blobAt, closing, digestOf, located, octets, pushBlob, uploads } from './stage.ts';

/** The demands on the registry as a whole, and on malformed manifests. */
export const registryPoints: readonly Point[] = [
  {
    end: 'end-1',
    name: 'GET of /v2/ is 200',
    run: async ({ ask }) => assert.equal((await ask('GET', '/v2/')).status, 200),
  },
  {
    end: 'end-8',
    name: 'GET of the tags of a repository that is empty is 404',
    async run({ ask, repository }) {
      assert.equal((await ask('GET', `/v2/${repository}/tags/list`)).status, 404);
    },
  },
  {
    end: 'end-12',
    name: 'GET of the referrers in a repository that is empty is an index of nothing',
    async run({ ask, repository, blob }) {
      const answer = await ask('GET', `/v2/${repository}/referrers/${digestOf(blob())}`);
      assert.equal(answer.status, 200);
      assert.equal(answer.header('content-type'), 'application/vnd.oci.image.index.v1+json');
      const index = JSON.parse(new TextDecoder().decode(answer.bytes));
      assert.deepEqual(index.manifests, []);
      assert.equal(index.schemaVersion, 2);
    },
  },
  {
    end: 'end-12',
    name: 'GET of the referrers of what is no digest is 400',
    async run({ ask, repository }) {
      assert.equal((await ask('GET', `/v2/${repository}/referrers/sha256:bad`)).status, 400);
    },
  },
  {
    end: 'end-3',
    name: 'GET of a manifest that is not there is 404, by digest and by tag',
    async run({ ask, repository, blob }) {
      for (const reference of [digestOf(blob()), 'missing']) {
        const target = `/v2/${repository}/manifests/${reference}`;
        assert.equal((await ask('GET', target)).status, 404);
        assert.equal((await ask('HEAD', target)).status, 404);
      }
    },
  },
  {
    end: 'end-7a',
    name: 'PUT of a manifest under another digest is 400, and nothing is there',
    async run(stage) {
      const data = new DataSet(stage);
      const { bytes, mediaType, digest } = data.image();
      for (const blob of data.blobs) await pushBlob(stage.ask, stage.repository, blob.bytes);
      const target = `/v2/${stage.repository}/manifests/${digest}`;
      const body = new Uint8Array([...bytes, 32, 32]);
      const answer = await stage.ask('PUT', target, { body, headers: { 'content-type': mediaType } });
      assert.equal(answer.status, 400);
      assert.equal((await stage.ask('HEAD', target)).status, 404);
    },
  },
  {
    end: 'end-7a, end-3',
    name: 'PUT and GET of a manifest under what looks like a digest and is none are 400',
    async run(stage) {
      const { bytes, mediaType } = new DataSet(stage).image();
      const target = `/v2/${stage.repository}/manifests/sha256:baddigeststring`;
      const answer = await stage.ask('PUT', target, { body: bytes, headers: { 'content-type': mediaType } });
      assert.equal(answer.status, 400);
      assert.equal((await stage.ask('GET', target)).status, 400);
    },
  },
  {
    end: 'end-9',
    name: 'DELETE of a manifest takes its tags along',
    async run(stage) {
      const data = new DataSet(stage);
      const { bytes, mediaType, digest } = data.image();
      const { ask, repository } = stage;
      for (const blob of data.blobs) await pushBlob(ask, repository, blob.bytes);
      for (const tag of ['one', 'two']) {
        await ask('PUT', `/v2/${repository}/manifests/${tag}`, {
          body: bytes,
          headers: { 'content-type': mediaType },
        });
      }
      assert.equal((await ask('DELETE', `/v2/${repository}/manifests/${digest}`)).status, 202);
      for (const reference of ['one', 'two', digest]) {
        assert.equal((await ask('HEAD', `/v2/${repository}/manifests/${reference}`)).status, 404);
      }
      assert.equal((await ask('DELETE', `/v2/${repository}/manifests/${digest}`)).status, 404);
    },
  },
  {
    end: 'end-8b',
    name: 'GET of the tags in pages follows Link to the end, and n=0 is a page of nothing',
    async run(stage) {
      const { ask, repository } = stage;
      const { bytes, mediaType, digest } = new DataSet(stage).index([]);
      const tags = ['a', 'b', 'B', '1', 'c'];
      const query = tags.map((tag) => `tag=${tag}`).join('&');
      const target = `/v2/${repository}/manifests/${digest}?${query}`;
      await ask('PUT', target, { body: bytes, headers: { 'content-type': mediaType } });
      const seen: unknown[] = [];
      let next: string | undefined = `/v2/${repository}/tags/list?n=2`;
      while (next !== undefined) {
        const answer = await ask('GET', next);
        const page = JSON.parse(new TextDecoder().decode(answer.bytes));
        assert.equal(page.name, repository);
        assert.ok(page.tags.length <= 2);
        seen.push(...page.tags);
        next = /^<([^>]+)>; rel="next"$/.exec(answer.header('link') ?? '')?.[1];
      }
      assert.deepEqual(seen, ['1', 'B', 'a', 'b', 'c']);
      const none = await ask('GET', `/v2/${repository}/tags/list?n=0`);
      assert.deepEqual(JSON.parse(new TextDecoder().decode(none.bytes)).tags, []);
      assert.equal(none.header('link'), undefined);
    },
  },
  {
    end: 'end-4c',
    name: 'POST that announces an algorithm nobody can compute is 400',
    async run({ ask, repository }) {
      assert.equal((await ask('POST', `${uploads(repository)}?digest-algorithm=md5`)).status, 400);
    },
  },
  {
    end: 'end-6',
    name: 'PUT with a digest that can not be computed is 400',
    async run({ ask, repository, blob }) {
      const location = located(await ask('POST', uploads(repository)), 202);
      const target = `${location}?digest=md5:d41d8cd98f00b204e9800998ecf8427e`;
      assert.equal((await ask('PUT', target, { body: blob(), headers: octets })).status, 400);
    },
  },
  {
    end: 'end-4a, end-6',
    name: 'a session that began without a word of it closes with a sha512',
    async run({ ask, repository, blob }) {
      const bytes = blob(3_000);
      const digest = digestOf(bytes, 'sha512');
      let location = located(await ask('POST', uploads(repository)), 202);
      location = located(await ask('PATCH', location, { body: bytes.subarray(0, 1_000) }), 202);
      const created = await ask('PUT', closing(location, digest), { body: bytes.subarray(1_000) });
      assert.equal(located(created, 201), blobAt(repository, digest));
      assert.equal(created.header('docker-content-digest'), digest);
    },
  },
];
