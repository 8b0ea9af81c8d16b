import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { type DataKind, DataSet, type PushedManifest } from './data.ts';
import { blobAt, closing, located, octets, pullable, type Stage, uploads } from './stage.ts';

/** Takes one set of data through the registry: pushes, lists, probes, reads, refers to and deletes it. */
export async function runData(test: TestContext, stage: Stage, kind: DataKind): Promise<void> {
  const { ask, repository } = stage;
  const data = new DataSet(stage, kind.algorithm);
  kind.make(data);
  const at = (reference: string): string => `/v2/${repository}/manifests/${reference}`;
  const tagged = data.manifests.flatMap((manifest) => manifest.tags.map((tag) => ({ tag, manifest })));

  await test.test('end-6: its blobs are taken', async () => {
    for (const { digest, bytes } of data.blobs) {
      const location = located(await ask('POST', uploads(repository)), 202);
      const created = await ask('PUT', closing(location, digest), { body: bytes, headers: octets });
      await pullable(ask, created, digest, bytes);
    }
  });

  await test.test('end-7: its manifests are taken, by digest and by tag', async () => {
    for (const manifest of data.manifests) {
      const query = kind.tagParameters ? `?${manifest.tags.map((tag) => `tag=${tag}`).join('&')}` : '';
      await put(stage, at(manifest.digest) + query, manifest, kind.tagParameters ? manifest.tags : []);
    }
    if (kind.tagParameters) return;
    for (const { tag, manifest } of tagged) await put(stage, at(tag), manifest);
  });

  await test.test('end-8: its tags are listed in order, and after any of them the rest', async () => {
    const all = tagged.map(({ tag }) => tag).sort();
    if (all.length === 0) return;
    assert.deepEqual(await tagsOf(stage, ''), all);
    for (const [place, tag] of all.entries()) {
      assert.deepEqual(await tagsOf(stage, `?last=${tag}`), all.slice(place + 1));
    }
  });

  await test.test('end-3: its manifests are there by HEAD and GET, by tag and digest', async () => {
    for (const manifest of data.manifests) {
      for (const reference of [manifest.digest, ...manifest.tags]) await read(stage, at(reference), manifest);
    }
  });

  await test.test('end-12: what refers to something is listed, also by its type', async () => {
    const subjects = new Set(data.manifests.flatMap(({ subject }) => subject ?? []));
    for (const subject of subjects) await checkReferrers(stage, subject, data.manifests);
  });

  await test.test(
    'end-9, end-10: tags, manifests and blobs are gone as soon as they are deleted',
    async () => {
      for (const { tag, manifest } of tagged) {
        assert.equal((await ask('DELETE', at(tag))).status, 202);
        assert.equal((await ask('HEAD', at(tag))).status, 404);
        assert.equal((await ask('HEAD', at(manifest.digest))).status, 200, 'a tag takes nothing along');
      }
      for (const { digest } of data.manifests.toReversed()) {
        assert.equal((await ask('DELETE', at(digest))).status, 202);
        assert.equal((await ask('HEAD', at(digest))).status, 404);
      }
      for (const digest of new Set(data.blobs.map(({ digest }) => digest))) {
        assert.equal((await ask('DELETE', blobAt(repository, digest))).status, 202);
        assert.equal((await ask('HEAD', blobAt(repository, digest))).status, 404);
      }
    },
  );
}

async function put(
  { ask }: Stage,
  target: string,
  { mediaType, bytes, digest, subject }: PushedManifest,
  tags: readonly string[] = [],
): Promise<void> {
  const created = await ask('PUT', target, { body: bytes, headers: { 'content-type': mediaType } });
  await pullable(ask, created, digest, bytes);
  assert.equal(created.header('oci-subject'), subject);
  const accepted = (created.headers['oci-tag'] ?? []).flatMap((line) => line.split(','));
  assert.deepEqual(
    accepted.map((tag) => tag.trim()),
    tags,
  );
}

async function tagsOf({ ask, repository }: Stage, query: string): Promise<unknown> {
  const answer = await ask('GET', `/v2/${repository}/tags/list${query}`);
  assert.equal(answer.status, 200);
  return JSON.parse(new TextDecoder().decode(answer.bytes)).tags;
}

async function read(
  { ask }: Stage,
  target: string,
  { mediaType, bytes, digest }: PushedManifest,
): Promise<void> {
  for (const method of ['HEAD', 'GET']) {
    const answer = await ask(method, target, { headers: { accept: mediaType } });
    assert.equal(answer.status, 200);
    assert.equal(answer.header('content-type'), mediaType);
    assert.equal(answer.header('content-length'), String(bytes.byteLength));
    assert.equal(answer.header('docker-content-digest'), digest);
    const expected = method === 'HEAD' ? new Uint8Array(0) : bytes;
    assert.ok(Buffer.from(answer.bytes).equals(expected));
  }
}

const indexType = 'application/vnd.oci.image.index.v1+json';

async function checkReferrers(
  { ask, repository }: Stage,
  subject: string,
  manifests: readonly PushedManifest[],
): Promise<void> {
  const entries = manifests
    .filter((manifest) => manifest.subject === subject)
    .map(({ descriptor, artifactType, annotations }) => ({
      ...descriptor,
      ...(artifactType === undefined ? {} : { artifactType }),
      ...(annotations === undefined ? {} : { annotations }),
    }));
  const list = async (query: string): Promise<{ filters: string | undefined; manifests: unknown[] }> => {
    const answer = await ask('GET', `/v2/${repository}/referrers/${subject}${query}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.header('content-type'), indexType);
    const index = JSON.parse(new TextDecoder().decode(answer.bytes));
    assert.equal(index.schemaVersion, 2);
    assert.equal(index.mediaType, indexType);
    return { filters: answer.header('oci-filters-applied'), manifests: index.manifests };
  };
  const all = await list('');
  assert.equal(all.filters, undefined);
  assertSame(all.manifests, entries);
  for (const type of new Set(entries.map(({ artifactType }) => artifactType))) {
    if (type === undefined) continue;
    const some = await list(`?artifactType=${encodeURIComponent(type)}`);
    assert.equal(some.filters, 'artifactType');
    assertSame(
      some.manifests,
      entries.filter(({ artifactType }) => artifactType === type),
    );
  }
}

/** Asserts the same members in any order. */
function assertSame(actual: readonly unknown[], expected: readonly unknown[]): void {
  assert.equal(actual.length, expected.length);
  for (const entry of expected) {
    assert.ok(
      actual.some((other) => isDeep(other, entry)),
      JSON.stringify(entry),
    );
  }
}

function isDeep(actual: unknown, expected: unknown): boolean {
  try {
    assert.deepEqual(actual, expected);
    return true;
  } catch {
    return false;
  }
}
