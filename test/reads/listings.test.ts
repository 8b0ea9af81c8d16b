import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { TransportError } from '../../src/errors.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { createImage } from '../../src/image/create.ts';
import { encodeManifest, parseManifest } from '../../src/json/manifest.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { referrersTag } from '../../src/spec/referrers-tag.ts';
import {
  blobOf,
  failsWith,
  give,
  giveImage,
  imageOf,
  indexOf,
  listOf,
} from '../../src/testing/contract/sample.ts';
import type { HttpResponse } from '../../src/wire/message.ts';
import { answer, jsonAnswer } from '../../src/wire/reply.ts';
import { all, listsNoReferrers, refuses } from '../faults/spoil.ts';
import { stage } from '../quirks/stage.ts';

/**
 * Listings in the forms of registries: of any size, without an end, with invalid names and with entries without types.
 */

const listing = (reply: (query: URLSearchParams, url: string) => HttpResponse) =>
  refuses(({ kind }, { url }) =>
    kind === 'tags.list' ? reply(new URL(url, 'https://registry.test').searchParams, url) : undefined,
  );

const encoder = new TextEncoder();

describe('a listing of tags', () => {
  it('streamed-pages: a page of a listing may have any size, and little of it is kept', async () => {
    const count = 1_200_000;
    const page = async function* (): AsyncIterable<Uint8Array> {
      yield encoder.encode('{"name":"acme/app","tags":["first"');
      for (let at = 0; at < count; at += 1000) {
        const names = Array.from({ length: 1000 }, (_, one) => `,"tag-${at + one}"`);
        yield encoder.encode(names.join(''));
      }
      yield encoder.encode(']}');
    };
    const { client, name } = stage({
      quirk: listing(() => ({
        status: 200,
        headers: { 'content-type': ['application/json'] },
        body: page(),
      })),
    });
    let seen = 0;
    for await (const _ of client.tags(name)) seen++;
    assert.equal(seen, count + 1);
  });

  it('streamed-pages: a listing yields each name once if a page breaks off and is requested again', async () => {
    const whole = '{"tags":["a","b","c","d"]}';
    let asked = 0;
    const { client, name } = stage({
      quirk: listing(() => {
        const cut = [12, 16, 20, undefined][asked++];
        return {
          status: 200,
          headers: {},
          body: (async function* () {
            yield encoder.encode(whole.slice(0, cut));
            if (cut !== undefined) throw new TransportError('CUT_OFF', 'the far side is gone');
          })(),
        };
      }),
    });
    assert.deepEqual(await listOf(client.tags(name)), ['a', 'b', 'c', 'd']);
  });

  const endless: readonly (readonly [what: string, tags: (page: number) => readonly string[]])[] = [
    ['the same names', () => ['a', 'b']],
    ['no names', () => []],
    ['two pages in turn', (page) => (page % 2 === 0 ? ['a', 'b'] : ['c'])],
  ];
  for (const [what, tags] of endless) {
    it(`pages-without-news: a listing that links on for ever with ${what} ends with an error`, async () => {
      let pages = 0;
      const { client, name } = stage({
        quirk: listing((_, url) => {
          const link = `<${url.split('?')[0]}?last=${pages}>; rel="next"`;
          return jsonAnswer(200, { tags: tags(pages++) }, { link: [link] });
        }),
      });
      await failsWith(listOf(client.tags(name)), 'UNEXPECTED_ANSWER');
      assert.ok(pages < 20, String(pages));
    });
  }

  it('pages-without-news: a listing may have empty pages before others', async () => {
    const { client, name } = stage({
      quirk: listing((query, url) => {
        const at = Number(query.get('last') ?? '0');
        const link = at < 5 ? { link: [`<${url.split('?')[0]}?last=${at + 1}>; rel="next"`] } : {};
        return jsonAnswer(200, { tags: at === 5 ? ['a'] : [] }, link);
      }),
    });
    assert.deepEqual(await listOf(client.tags(name)), ['a']);
  });

  it('digests-among-tags: a copy of all tags passes over the names that are none', async () => {
    const odd = `sha256:${'a'.repeat(64)}`;
    for (const names of [
      [odd, '1', '2'],
      ['1', odd, 'not a tag', '2'],
    ]) {
      const { client, name, memory } = stage({
        quirk: refuses((operation) =>
          operation.kind === 'tags.list' && operation.repository === 'acme/app'
            ? jsonAnswer(200, { tags: names })
            : undefined,
        ),
      });
      const image = createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [] });
      for (const tag of ['1', '2']) await client.pushImage(`${name}:${tag}`, image);
      const copied = await listOf(client.copyRepository(name, 'registry.test/to'));
      assert.deepEqual(
        copied.map(({ tag, outcome }) => [tag, outcome]),
        names.map((tag) => [tag, ['1', '2'].includes(tag) ? 'copied' : 'skipped']),
      );
      assert.deepEqual(await listOf(memory.repository('to').tags.list()), ['1', '2']);
    }
  });
});

describe('a list of referrers', () => {
  const type = 'application/vnd.dev.sigstore.bundle.v0.3+json';
  const empty = blobOf('{}');
  const subject = imageOf();
  const signature = imageOf({ subject: subject.descriptor, artifactType: type });
  const other = imageOf({ subject: subject.descriptor, artifactType: 'application/vnd.acme.other' });

  for (const [what, entry] of [
    ['no type', {}],
    ['an empty type', { artifactType: '' }],
    ['the type of the empty config', { artifactType: MediaType.empty }],
    ["the type of an image's config", { artifactType: MediaType.ociConfig }],
    ['its type', { artifactType: type }],
  ] as const) {
    it(`referrers-list-without-types: the client finds a signature whose entry has ${what}`, async () => {
      const { client, name, inside } = stage({ quirk: listsNoReferrers });
      await give(inside, empty);
      await giveImage(inside, {}, '1');
      for (const manifest of [signature, other]) await inside.manifests.put(manifest);
      const gone = { ...imageOf({ annotations: { gone: 'yes' } }).descriptor };
      const list = indexOf([{ ...signature.descriptor, ...entry }, { ...other.descriptor }, gone]);
      await inside.manifests.put(list, { tags: [referrersTag(subject.descriptor.digest)] });
      const found = await listOf(client.referrers(`${name}:1`, { artifactType: type }));
      assert.deepEqual(
        found.map(({ digest, artifactType }) => [digest, artifactType]),
        [[signature.descriptor.digest, type]],
      );
      assert.equal((await listOf(client.referrers(`${name}:1`))).length, 3);
    });
  }

  it('pages-without-news: a list of referrers that links on for ever ends with an error', async () => {
    let pages = 0;
    const list = indexOf([signature.descriptor]);
    const { client, name, inside } = stage({
      quirk: all(
        refuses(({ kind }, { url }) =>
          kind === 'referrers'
            ? answer(
                200,
                {
                  'content-type': [MediaType.ociIndex],
                  link: [`<${url.split('?')[0]}?page=${pages++}>; rel="next"`],
                },
                list.bytes,
              )
            : undefined,
        ),
      ),
    });
    await giveImage(inside, {}, '1');
    await failsWith(listOf(client.referrers(`${name}:1`)), 'UNEXPECTED_ANSWER');
    assert.ok(pages < 20, String(pages));
  });
});

describe('an index in an index', () => {
  it('nested-labels: inspect of nested indexes shows the labels of the image below them', async () => {
    const { client, name, inside } = stage({ quirk: (next) => next });
    const config = blobOf(
      JSON.stringify({
        os: 'linux',
        architecture: 'amd64',
        config: { Labels: { deep: 'yes' } },
        rootfs: { type: 'layers', diff_ids: [] },
      }),
    );
    await give(inside, config);
    const bytes = encodeManifest({
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config: { ...config.descriptor, mediaType: MediaType.ociConfig },
      layers: [],
    });
    const image = parseManifest(bytes, { digest: digestOf(bytes) });
    await inside.manifests.put(image);
    const inner = indexOf([{ ...image.descriptor, platform: { os: 'linux', architecture: 'amd64' } }]);
    const middle = indexOf([inner.descriptor]);
    const outer = indexOf([middle.descriptor]);
    for (const index of [inner, middle, outer]) await inside.manifests.put(index, { tags: ['1'] });
    assert.deepEqual((await client.inspect(`${name}:1`)).labels, { deep: 'yes' });
  });
});
