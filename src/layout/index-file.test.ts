import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { ContentError } from '../errors.ts';
import { indexJsonLimit } from '../json/manifest.ts';
import { refNameAnnotation } from '../spec/annotation.ts';
import type { Digest } from '../spec/digest.ts';
import { imageOf } from '../testing/contract/sample.ts';
import { LayoutIndex } from './index-file.ts';

const manifests = ['a', 'b', 'c'].map((n) => imageOf({ annotations: { n } }).descriptor);
const [first, second] = manifests;
const names = ['v1', 'v2', 'a name with spaces'];

function parsed(value: unknown): LayoutIndex {
  return LayoutIndex.parse(new TextEncoder().encode(JSON.stringify(value)));
}

function written(index: LayoutIndex): { readonly manifests: readonly Record<string, unknown>[] } {
  return JSON.parse(new TextDecoder().decode(index.format('index.json')));
}

function namedV1(descriptor: object | undefined): object {
  return { ...descriptor, annotations: { [refNameAnnotation]: 'v1' } };
}

const change = fc.record({
  kind: fc.constantFrom('tag', 'tag', 'untag', 'add', 'remove', 'reread'),
  at: fc.nat(manifests.length - 1),
  name: fc.constantFrom(...names),
});

describe('the entries of index.json', () => {
  it('any changes give each name to its last manifest, and lose no manifest that was not removed', () => {
    const run = fc.property(fc.array(change, { maxLength: 30 }), (changes) => {
      let index = LayoutIndex.of();
      const tags = new Map<string, Digest>();
      const listed = new Set<Digest>();
      for (const { kind, at, name } of changes) {
        const descriptor = manifests[at];
        assert(descriptor !== undefined);
        if (kind === 'tag') {
          const before = tags.get(name);
          index.tag(name, descriptor);
          tags.set(name, descriptor.digest);
          listed.add(descriptor.digest);
          // The entry that had the name is changed, and its manifest stays listed only with another entry.
          if (before !== undefined && index.withDigest(before) === undefined) listed.delete(before);
        } else if (kind === 'untag') {
          assert.equal(index.untag(name), tags.delete(name));
        } else if (kind === 'add') {
          index.add(descriptor);
          listed.add(descriptor.digest);
        } else if (kind === 'remove') {
          index.remove(descriptor.digest);
          listed.delete(descriptor.digest);
          for (const [known, digest] of tags) if (digest === descriptor.digest) tags.delete(known);
        } else index = LayoutIndex.parse(index.format('index.json'));
      }
      assert.deepEqual([...index.tags].sort(), [...tags.keys()].sort());
      for (const [name, digest] of tags) assert.equal(index.tagged(name)?.digest, digest);
      assert.deepEqual([...new Set(index.roots.map(({ digest }) => digest))].sort(), [...listed].sort());
      // No two entries have the same name.
      const entries = index.roots.map(({ annotations }) => annotations?.[refNameAnnotation]);
      const named = entries.filter((name) => name !== undefined);
      assert.equal(new Set(named).size, named.length);
    });
    fc.assert(run, { numRuns: 300 });
  });

  it('unknown fields of the file and of each entry stay through every change', () => {
    const index = parsed({
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      annotations: { of: 'the file' },
      odd: [1],
      manifests: [
        { ...first, odd: { deep: true }, annotations: { other: 'kept', [refNameAnnotation]: 'v1' } },
        { ...second, urls: ['https://example.com/'] },
      ],
    });
    assert(first !== undefined && second !== undefined);
    index.untag('v1');
    index.tag('v2', second);
    const { manifests: entries, ...rest } = written(index);
    assert.deepEqual(rest, {
      schemaVersion: 2,
      mediaType: 'application/vnd.oci.image.index.v1+json',
      annotations: { of: 'the file' },
      odd: [1],
    });
    const byDigest = Object.fromEntries(entries.map((entry) => [String(entry['digest']), entry]));
    assert.deepEqual(byDigest[first.digest], {
      ...first,
      odd: { deep: true },
      annotations: { other: 'kept' },
    });
    assert.deepEqual(byDigest[second.digest], {
      ...second,
      urls: ['https://example.com/'],
      annotations: { [refNameAnnotation]: 'v2' },
    });
  });

  it('the later of two entries with one name counts, and a new manifest of the name replaces both', () => {
    const index = parsed({ schemaVersion: 2, manifests: [namedV1(first), namedV1(second)] });
    assert.equal(index.tagged('v1')?.digest, second?.digest);
    const third = manifests[2];
    assert(third !== undefined);
    index.tag('v1', third);
    assert.deepEqual(
      index.roots.map(({ digest }) => digest),
      [third.digest],
    );
  });

  it('an empty name is no name', () => {
    const index = parsed({
      schemaVersion: 2,
      manifests: [{ ...first, annotations: { [refNameAnnotation]: '' } }],
    });
    assert.equal(index.tags.size, 0);
    assert.equal(index.tagged(''), undefined);
  });

  for (const [what, text] of [
    ['no bytes', ''],
    ['zeros', '\0'.repeat(100)],
    ['a cut document', '{"schemaVersion":2,"manifests":[{"digest":"sha256:'],
    ['a list', '[]'],
    ['text', '"index"'],
    ['manifests that are no list', '{"schemaVersion":2,"manifests":{}}'],
    ['an entry without a digest', '{"schemaVersion":2,"manifests":[{"size":1}]}'],
    ['a document with one name twice', '{"schemaVersion":2,"manifests":[],"manifests":[]}'],
  ] as const) {
    it(`an index.json of ${what} is MANIFEST_INVALID`, () => {
      assert.throws(() => LayoutIndex.parse(new TextEncoder().encode(text)), { code: 'MANIFEST_INVALID' });
    });
  }

  it('an index.json that could not be read again is refused before it is written', () => {
    const index = LayoutIndex.of(
      manifests.map((descriptor) => ({ descriptor, tag: 'x'.repeat(indexJsonLimit / 2) })),
    );
    assert.throws(
      () => index.format('/the/index.json'),
      (error) => {
        return (
          error instanceof ContentError &&
          error.code === 'TOO_LARGE' &&
          error.message.includes('/the/index.json')
        );
      },
    );
  });
});
