import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '../flow/hash.ts';
import { parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import { blobOf, imageOf } from '../testing/contract/sample.ts';
import { changedList, type WantedEntries } from './fallback-list.ts';

const entries = ['a', 'b', 'c', 'd']
  .map((name): Descriptor => ({ ...blobOf(name).descriptor, mediaType: MediaType.ociManifest }))
  .sort((a, b) => (a.digest < b.digest ? -1 : 1));

function listOf(manifests: readonly unknown[], rest: object = {}): Manifest {
  const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, manifests, ...rest }));
  return parseManifest(bytes, { digest: digestOf(bytes), mediaType: MediaType.ociIndex });
}

function wanted(
  ...changes: readonly (readonly [Descriptor | undefined, Descriptor | undefined])[]
): WantedEntries {
  return new Map(
    changes.flatMap(([at, entry]): [Digest, Descriptor | undefined][] =>
      at === undefined ? [] : [[at.digest, entry]],
    ),
  );
}

function read(bytes: Uint8Array | undefined): Readonly<Record<string, unknown>> {
  assert.ok(bytes !== undefined);
  return JSON.parse(new TextDecoder().decode(bytes));
}

const [a, b, c, d] = entries;
const annotated = { annotations: { one: '1', two: '2' }, artifactType: 'application/vnd.example' };

describe('a list of referrers', () => {
  const rows: readonly {
    readonly name: string;
    readonly current?: Manifest;
    readonly wanted: WantedEntries;
    /** undefined: it is as it should be. */
    readonly manifests?: readonly unknown[];
  }[] = [
    { name: 'begins with one entry', wanted: wanted([b, b]), manifests: [b] },
    {
      name: 'keeps the entries of others, in the order of digests',
      current: listOf([d, b]),
      wanted: wanted([c, c], [a, a]),
      manifests: [a, b, c, d],
    },
    {
      name: 'has each digest once when it is written',
      current: listOf([b, a, b]),
      wanted: wanted([c, c]),
      manifests: [a, b, c],
    },
    {
      name: 'is written again where it has the wanted entry twice',
      current: listOf([a, a]),
      wanted: wanted([a, a]),
      manifests: [a],
    },
    { name: 'loses an entry', current: listOf([a, b]), wanted: wanted([a, undefined]), manifests: [b] },
    { name: 'may become empty', current: listOf([a]), wanted: wanted([a, undefined]), manifests: [] },
    { name: 'stays as it is when it says so already', current: listOf([a, b]), wanted: wanted([b, b]) },
    {
      name: 'stays as it is when there is nothing to take out',
      current: listOf([a]),
      wanted: wanted([b, undefined]),
    },
    { name: 'is not begun for what is to be taken out', wanted: wanted([b, undefined]) },
    {
      name: 'says more of an entry than its writer did',
      current: listOf([a]),
      wanted: wanted([a, a && { ...a, ...annotated }]),
      manifests: [{ ...a, ...annotated }],
    },
    {
      name: 'may have the annotations in another order',
      current: listOf([{ ...a, ...annotated, annotations: { two: '2', one: '1' } }]),
      wanted: wanted([a, a && { ...a, ...annotated }]),
    },
    {
      name: 'keeps what gantry knows nothing of in the entries of others',
      current: listOf([{ ...a, newField: [1] }]),
      wanted: wanted([b, b]),
      manifests: [{ ...a, newField: [1] }, b],
    },
  ];
  for (const row of rows) {
    it(row.name, () => {
      const changed = changedList('a list', row.current, row.wanted);
      if (row.manifests === undefined) assert.equal(changed, undefined);
      else assert.deepEqual(read(changed)['manifests'], row.manifests);
    });
  }

  // id: fallback-list-format
  it('is an OCI index, and keeps fields of its own', () => {
    assert.deepEqual(read(changedList('a list', undefined, wanted([a, a]))), {
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: [a],
    });
    const rest = { annotations: { by: 'somebody' }, future: true };
    const changed = read(changedList('a list', listOf([], rest), wanted([a, a])));
    assert.deepEqual(changed, { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [a], ...rest });
  });

  it('takes the place of nothing else', () => {
    const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, manifests: [] }));
    const digest = digestOf(bytes);
    for (const current of [imageOf(), parseManifest(bytes, { digest, mediaType: MediaType.dockerList })]) {
      assert.throws(() => changedList('a list', current, wanted([a, a])), { code: 'MANIFEST_INVALID' });
    }
  });

  it('is refused where nobody could read it', () => {
    const annotations = { long: 'x'.repeat(3_000_000) };
    const list = listOf([{ ...b, annotations }]);
    const entry = a && { ...a, annotations };
    assert.throws(() => changedList('a list', list, wanted([a, entry])), { code: 'TOO_LARGE' });
  });
});
