import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failsWith } from '../../src/testing/contract/sample.ts';
import type { HttpResponse } from '../../src/wire/message.ts';
import { answer, errorAnswer } from '../../src/wire/reply.ts';
import { refuses } from '../faults/spoil.ts';
import { isTag, refusesKind, text, withImage } from './stage.ts';

/** Refusals of a delete by registries. */

describe('a delete', () => {
  const byTag: readonly (readonly [string, () => HttpResponse])[] = [
    // id: docker-hub-delete-405
    ['Docker Hub and others: 405', () => answer(405)],
    // id: distribution-delete-tag-400
    ['distribution 2.8: 400 DIGEST_INVALID', () => errorAnswer('DIGEST_INVALID', 'invalid digest')],
    ['a registry that says UNSUPPORTED with 400', () => errorAnswer('UNSUPPORTED', 'no', { status: 400 })],
  ];
  for (const [name, refusal] of byTag) {
    it(`a deletion of a tag is UNSUPPORTED and one by digest succeeds: ${name}`, async () => {
      const made = await withImage({
        quirk: refuses((operation) =>
          operation.kind === 'manifest.delete' && isTag(operation.reference) ? refusal() : undefined,
        ),
      });
      await failsWith(made.client.delete(`${made.name}:v1`), 'UNSUPPORTED');
      const { digest } = await made.client.getDescriptor(`${made.name}:v1`);
      await made.client.delete(`${made.name}@${digest}`);
      assert.equal(await made.client.exists(`${made.name}:v1`), false);
    });
  }

  const byDigest: readonly (readonly [string, () => HttpResponse, string])[] = [
    [
      // id: ghcr-delete-refused
      'GHCR, distribution: switched off',
      () => errorAnswer('UNSUPPORTED', 'The operation is unsupported.'),
      'UNSUPPORTED',
    ],
    // id: docker-hub-delete-tagged
    ['Docker Hub: what has a tag', () => errorAnswer('DENIED', 'manifest is referenced'), 'DENIED'],
    // id: docker-hub-delete-500
    ['Docker Hub: 500', () => answer(500), 'UNEXPECTED_STATUS'],
    [
      // id: crane-registry-delete-500
      'crane’s registry: 500 in plain text for what is not there',
      () => text(500, 'unknown'),
      'UNEXPECTED_STATUS',
    ],
  ];
  for (const [name, refusal, code] of byDigest) {
    it(`a deletion by digest is ${code}: ${name}`, async () => {
      const { client, name: repository } = await withImage({
        quirk: refusesKind('manifest.delete', refusal),
      });
      const { digest } = await client.getDescriptor(`${repository}:v1`);
      await failsWith(client.delete(`${repository}@${digest}`), code);
      assert.equal(await client.exists(`${repository}:v1`), true);
    });
  }

  // id: artifact-registry-delete-tagged
  it('Artifact Registry: a deletion of a digest with a tag is refused with its own code, and succeeds after that of the tag', async () => {
    let tagged = true;
    const { client, name, inside } = await withImage({
      registry: 'europe-docker.pkg.dev',
      quirk: refuses((operation) => {
        if (operation.kind !== 'manifest.delete') return undefined;
        if (isTag(operation.reference)) tagged = false;
        return tagged
          ? errorAnswer('GOOGLE_MANIFEST_DANGLING_TAG', 'Manifest is still referenced by tag: v1', {
              status: 400,
            })
          : undefined;
      }),
    });
    const { digest } = await client.getDescriptor(`${name}:v1`);
    await failsWith(client.delete(`${name}@${digest}`), 'GOOGLE_MANIFEST_DANGLING_TAG');
    await client.delete(`${name}:v1`);
    await client.delete(`${name}@${digest}`);
    assert.equal(await inside.manifests.resolve(digest), undefined);
  });

  // id: crane-registry-delete-digest
  it('crane’s registry: a deletion of a digest leaves the tag, which can be deleted then', async () => {
    const { client, name } = await withImage({
      quirk: refuses((operation) =>
        operation.kind === 'manifest.delete' && !isTag(operation.reference) ? answer(202) : undefined,
      ),
    });
    const { digest } = await client.getDescriptor(`${name}:v1`);
    await client.delete(`${name}@${digest}`);
    assert.equal(await client.exists(`${name}:v1`), true);
    await client.delete(`${name}:v1`);
    assert.equal(await client.exists(`${name}:v1`), false);
  });

  // id: forgejo-delete-tag
  it('Forgejo: a deletion of a tag deletes its manifest, and the digest is MANIFEST_UNKNOWN then', async () => {
    const { client, name, inside } = await withImage({ quirk: (next) => next });
    const { digest } = await client.getDescriptor(`${name}:v1`);
    await inside.manifests.delete(digest);
    await failsWith(client.getManifest(`${name}@${digest}`), 'MANIFEST_UNKNOWN');
  });
});
