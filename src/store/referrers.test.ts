import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parseManifest } from '../json/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import { blobOf, imageOf, indexOf } from '../testing/contract/sample.ts';
import { referrerEntry, subjectOf } from './referrers.ts';

const subject = blobOf('subject').descriptor;
const annotations = { a: 'b' };

for (const [what, manifest, artifactType] of [
  ['An artifact', imageOf({ artifactType: 'application/x', subject, annotations }), 'application/x'],
  ['An image', imageOf({ subject, annotations }), MediaType.ociConfig],
  ['An index', indexOf([], { subject, annotations }), undefined],
  [
    'An index with a type',
    indexOf([], { artifactType: 'application/x', subject, annotations }),
    'application/x',
  ],
] as const) {
  it(`${what} is listed with its annotations, under the type ${artifactType ?? 'of none'}.`, () => {
    const { mediaType, digest, size } = manifest.descriptor;
    const entry = { mediaType, digest, size, ...(artifactType && { artifactType }), annotations };
    assert.deepEqual(referrerEntry(manifest), entry);
    assert.equal(subjectOf(manifest), subject.digest);
  });
}

it('A manifest of an unknown form is listed by its descriptor alone, and has no subject.', () => {
  const { bytes, descriptor } = blobOf(JSON.stringify({ schemaVersion: 1, subject, annotations }));
  const manifest = parseManifest(bytes, { ...descriptor, mediaType: 'application/x' });
  assert.equal(manifest.body.kind, 'unknown');
  const { mediaType, digest, size } = manifest.descriptor;
  assert.deepEqual(referrerEntry(manifest), { mediaType, digest, size });
  assert.equal(subjectOf(manifest), undefined);
});
