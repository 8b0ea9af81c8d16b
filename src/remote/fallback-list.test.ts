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
    /** Undefined if the list needs no change. */
    readonly manifests?: readonly unknown[];
  }[] = [
    { name: 'a list of referrers begins with one entry', wanted: wanted([b, b]), manifests: [b] },
    {
      name: 'a list of referrers keeps the entries of others, in the order of digests',
      current: listOf([d, b]),
      wanted: wanted([c, c], [a, a]),
      manifests: [a, b, c, d],
    },
    {
      name: 'a written list of referrers has each digest once',
      current: listOf([b, a, b]),
      wanted: wanted([c, c]),
      manifests: [a, b, c],
    },
    {
      name: 'a list of referrers is written again if it has the wanted entry twice',
      current: listOf([a, a]),
      wanted: wanted([a, a]),
      manifests: [a],
    },
    {
      name: 'a list of referrers loses an entry',
      current: listOf([a, b]),
      wanted: wanted([a, undefined]),
      manifests: [b],
    },
    {
      name: 'a list of referrers may become empty',
      current: listOf([a]),
      wanted: wanted([a, undefined]),
      manifests: [],
    },
    {
      name: 'a list of referrers does not change if it has the wanted entry',
      current: listOf([a, b]),
      wanted: wanted([b, b]),
    },
    {
      name: 'a list of referrers does not change if it lacks the entry to remove',
      current: listOf([a]),
      wanted: wanted([b, undefined]),
    },
    { name: 'no list of referrers begins with a removal', wanted: wanted([b, undefined]) },
    {
      name: 'a list of referrers gets the missing fields of an entry of another writer',
      current: listOf([a]),
      wanted: wanted([a, a && { ...a, ...annotated }]),
      manifests: [{ ...a, ...annotated }],
    },
    {
      name: 'a list of referrers may have annotations in another order',
      current: listOf([{ ...a, ...annotated, annotations: { two: '2', one: '1' } }]),
      wanted: wanted([a, a && { ...a, ...annotated }]),
    },
    {
      name: 'a list of referrers keeps unknown fields of other entries',
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
  it('a list of referrers is an OCI index, and keeps its own fields', () => {
    assert.deepEqual(read(changedList('a list', undefined, wanted([a, a]))), {
      schemaVersion: 2,
      mediaType: MediaType.ociIndex,
      manifests: [a],
    });
    const rest = { annotations: { by: 'somebody' }, future: true };
    const changed = read(changedList('a list', listOf([], rest), wanted([a, a])));
    assert.deepEqual(changed, { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [a], ...rest });
  });

  it('a list of referrers replaces no other manifest', () => {
    const bytes = new TextEncoder().encode(JSON.stringify({ schemaVersion: 2, manifests: [] }));
    const digest = digestOf(bytes);
    for (const current of [imageOf(), parseManifest(bytes, { digest, mediaType: MediaType.dockerList })]) {
      assert.throws(() => changedList('a list', current, wanted([a, a])), { code: 'MANIFEST_INVALID' });
    }
  });

  it('a list of referrers that no client could read is refused', () => {
    const annotations = { long: 'x'.repeat(3_000_000) };
    const list = listOf([{ ...b, annotations }]);
    const entry = a && { ...a, annotations };
    assert.throws(() => changedList('a list', list, wanted([a, entry])), { code: 'TOO_LARGE' });
  });
});
