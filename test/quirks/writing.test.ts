import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError, TransportError } from '../../src/errors.ts';
import { collect } from '../../src/flow/collect.ts';
import { createIndex } from '../../src/image/create-index.ts';
import { parseJson } from '../../src/json/parse.ts';
import { failsWith, giveImage, imageOf, listOf } from '../../src/testing/contract/sample.ts';
import type { HttpResponse, Middleware } from '../../src/wire/message.ts';
import type { OperationKind } from '../../src/wire/operation.ts';
import { answer, errorAnswer } from '../../src/wire/reply.ts';
import { all, answers, operationOf, refuses, withHeaders } from '../faults/spoil.ts';
import { type Habit, image, isTag, refusesKind, stage, text, withImage, worksWhole } from './stage.ts';

/** Refusals of a push or a delete by registries. */

/** Refuses to set a tag that exists, even to the same manifest. */
function immutable(refusal: () => HttpResponse): Middleware {
  const taken = new Set<string>();
  return refuses((operation) => {
    if (operation.kind !== 'manifest.put' || !isTag(operation.reference)) return undefined;
    if (taken.has(operation.reference)) return refusal();
    taken.add(operation.reference);
    return undefined;
  });
}

describe('a tag that is never changed', () => {
  const habits: readonly (readonly [name: string, refusal: () => HttpResponse, code: string])[] = [
    [
      // id: ecr-tag-invalid
      'ECR: TAG_INVALID',
      () => errorAnswer('TAG_INVALID', 'The image tag already exists and is immutable'),
      'TAG_INVALID',
    ],
    [
      // id: harbor-immutable-412
      'Harbor: 412',
      () => errorAnswer('PRECONDITION', 'configured as immutable', { status: 412 }),
      'PRECONDITION',
    ],
    ['others: 409', () => errorAnswer('CONFLICT', 'immutable', { status: 409 }), 'CONFLICT'],
  ];
  for (const [name, refusal, code] of habits) {
    it(`${name} is an error only if the tag leads to another image`, async () => {
      const { client, name: repository, inside } = stage({ quirk: immutable(refusal) });
      const { digest } = await client.pushImage(`${repository}:v1`, image);
      assert.equal((await client.tag(`${repository}@${digest}`, 'v1')).digest, digest);
      const other = await giveImage(inside);
      await failsWith(client.tag(`${repository}@${other.descriptor.digest}`, 'v1'), code);
      assert.equal((await inside.manifests.resolve('v1'))?.digest, digest);
    });
  }
});

interface Refusal extends Partial<Habit> {
  readonly name: string;
  readonly kind: OperationKind;
  readonly refusal: () => HttpResponse;
  readonly code: string;
  /** Words of the registry that the message must keep, or words that gantry adds. */
  readonly says?: string;
}

const refusals: readonly Refusal[] = [
  {
    // id: ecr-missing-repository
    name: 'ECR: a repository that nobody has created, with advice',
    kind: 'upload.start',
    refusal: () => errorAnswer('NAME_UNKNOWN', "The repository with name 'acme/app' does not exist"),
    code: 'NAME_UNKNOWN',
    says: 'create the repository',
  },
  {
    // id: ecr-missing-repository-cut
    name: 'ECR: a repository that nobody has created, with a cut',
    kind: 'upload.start',
    refusal: () => {
      throw new TransportError('CUT_OFF', 'registry.test has cut the line');
    },
    code: 'CUT_OFF',
    says: 'registry.test',
  },
  {
    // id: ecr-too-many-layers
    name: 'ECR: too many layers',
    kind: 'manifest.put',
    refusal: () => errorAnswer('UNSUPPORTED', "Invalid parameter: Limit on number of layers '127' exceeded"),
    code: 'UNSUPPORTED',
    says: 'Limit on number of layers',
  },
  {
    // id: ecr-too-many-images
    name: 'ECR: too many images',
    kind: 'manifest.put',
    refusal: () => errorAnswer('DENIED', 'images per repository limit exceeded'),
    code: 'DENIED',
    says: 'limit exceeded',
  },
  {
    // id: digitalocean-garbage-collection
    name: 'DigitalOcean: nothing while garbage is collected',
    kind: 'upload.start',
    refusal: () => errorAnswer('UNSUPPORTED', 'registry is read-only'),
    code: 'UNSUPPORTED',
    says: 'read-only',
  },
  {
    // id: quay-unknown-type
    name: 'Quay: a type that is not on its list',
    kind: 'manifest.put',
    refusal: () => errorAnswer('MANIFEST_INVALID', 'manifest schema version not supported', { status: 415 }),
    code: 'MANIFEST_INVALID',
  },
  {
    // id: quay-docker-manifests-in-index
    name: 'Quay: an index that lists docker manifests',
    kind: 'manifest.put',
    refusal: () => errorAnswer('MANIFEST_INVALID', 'mixed'),
    code: 'MANIFEST_INVALID',
    says: 'mixed',
  },
  {
    // id: zot-unknown-type
    name: 'zot: a type that it does not know',
    kind: 'manifest.put',
    refusal: () => answer(415),
    code: 'UNEXPECTED_STATUS',
    says: '415',
  },
  {
    // id: artifactory-parser-400
    name: 'Artifactory: a manifest that its parser refused',
    kind: 'manifest.put',
    refusal: () => errorAnswer('MANIFEST_INVALID', 'circuit breaker: 5000 iterations'),
    code: 'MANIFEST_INVALID',
    says: 'circuit breaker',
  },
  {
    // id: distribution-manifest-limit
    name: 'distribution: a manifest of more than 4 MiB',
    kind: 'manifest.put',
    refusal: () => errorAnswer('MANIFEST_INVALID', 'manifest too large'),
    code: 'MANIFEST_INVALID',
  },
  {
    // id: nexus-refused-blob
    name: 'Nexus: a blob of a refused kind',
    kind: 'upload.commit',
    refusal: () => errorAnswer('BLOB_UPLOAD_INVALID', 'content validation failed'),
    code: 'BLOB_UPLOAD_INVALID',
    says: 'content validation',
  },
  {
    // id: nexus-manifest-limit
    name: 'Nexus: a manifest of more than 10 MiB',
    kind: 'manifest.put',
    refusal: () => answer(413),
    code: 'TOO_LARGE',
  },
  {
    // id: harbor-missing-project-401
    name: 'Harbor: a project that is not there, with 401',
    kind: 'upload.start',
    refusal: () => errorAnswer('UNAUTHORIZED', 'project acme not found'),
    code: 'UNAUTHORIZED',
    says: 'project acme not found',
  },
  {
    // id: harbor-quota
    name: 'Harbor: a quota',
    kind: 'upload.commit',
    refusal: () => errorAnswer('DENIED', 'adding 8.0 MiB will exceed the quota'),
    code: 'DENIED',
    says: 'quota',
  },
  {
    // id: harbor-put-policy-412
    name: 'Harbor: a policy, with 412',
    kind: 'manifest.put',
    refusal: () => errorAnswer('PROJECTPOLICYVIOLATION', 'current image is vulnerable', { status: 412 }),
    code: 'PROJECTPOLICYVIOLATION',
    says: 'vulnerable',
  },
  {
    // id: gitea-missing-owner
    name: 'Gitea: an owner that is not there',
    kind: 'upload.start',
    refusal: () => errorAnswer('NAME_INVALID', 'invalid', { status: 404 }),
    code: 'NAME_UNKNOWN',
  },
];

describe('a push that a registry refuses', () => {
  for (const { name, kind, refusal, code, says = '' } of refusals) {
    it(`the error of a refused push has the words of the registry: ${name}`, async () => {
      const {
        client,
        name: repository,
        inside,
      } = stage({
        // The refusal of a mount only means that gantry sends the bytes.
        quirk: all(refusesKind(kind, refusal), kind === 'upload.start' ? withoutMounts : (next) => next),
      });
      await assert.rejects(client.pushImage(`${repository}:v1`, image), ({ cause }: Error) => {
        assert.ok(isGantryError(cause), String(cause));
        assert.equal(cause.code, code);
        assert.ok(cause.message.includes(says), cause.message);
        return true;
      });
      assert.equal(await inside.manifests.resolve('v1'), undefined);
    });
  }
});

const withoutMounts: Middleware = refuses(({ kind }) => (kind === 'upload.mount' ? answer(404) : undefined));

describe('pushed content', () => {
  // id: ecr-children-by-digest
  it('ECR: each manifest has its own type, and children are pushed by digest', async () => {
    const put: string[] = [];
    const { client, name } = stage({
      quirk: (next) => async (request) => {
        const operation = operationOf(request);
        if (operation?.kind !== 'manifest.put' || request.body === undefined) return next(request);
        put.push(operation.reference);
        const bytes = await collect(request.body.open(), { limit: 1e6, what: 'a manifest' });
        const body = parseJson(bytes, { what: 'a manifest', maxBytes: 1e6 });
        const says = typeof body === 'object' && body !== null && 'mediaType' in body;
        return says ? next(request) : errorAnswer('UNSUPPORTED', 'Invalid JSON syntax');
      },
    });
    await client.pushIndex(
      `${name}:v1`,
      createIndex([{ image, platform: { os: 'linux', architecture: 'amd64' } }]),
    );
    assert.deepEqual(put.map(isTag), [false, true]);
  });

  // id: zot-several-tags-413
  it('zot: tags are set one by one after 413 to several tags', async () => {
    const { client, name, inside } = await withImage({
      quirk: refuses((operation) =>
        operation.kind === 'manifest.put' && operation.tags.length > 0 ? answer(413) : undefined,
      ),
    });
    await client.tag(`${name}:v1`, ['v2', 'v3']);
    assert.deepEqual((await listOf(inside.tags.list())).sort(), ['v1', 'v2', 'v3']);
  });

  // id: distribution-unsupported-referrers
  it('distribution: a push by sha512 is UNSUPPORTED, in the words of the registry', async () => {
    const { client, name } = stage({
      quirk: refuses((operation) =>
        'reference' in operation && operation.reference.startsWith('sha512')
          ? errorAnswer('DIGEST_INVALID', 'provided digest did not match')
          : undefined,
      ),
    });
    const manifest = imageOf({ algorithm: 'sha512' });
    await failsWith(client.putManifest(`${name}@${manifest.descriptor.digest}`, manifest), 'UNSUPPORTED');
  });

  // id: crane-registry-no-location
  it('crane’s registry: a push succeeds without Locations and without offsets of sessions', async () => {
    await worksWhole(
      stage({
        quirk: all(
          answers(['upload.commit', 'manifest.put'], (response) => withHeaders(response, { location: [] })),
          refuses(({ kind }) =>
            kind === 'upload.status' || kind === 'upload.cancel'
              ? text(400, 'BLOB_UPLOAD_UNKNOWN')
              : undefined,
          ),
        ),
      }),
    );
  });

  // id: ecr-false-oci-subject
  it('ECR, before: a referrer is found although OCI-Subject promised a missing API', async () => {
    const { client, name, inside } = await withImage({ quirk: refusesKind('referrers', () => answer(404)) });
    const subject = await inside.manifests.get('v1');
    const { config, layers } = subject.body.kind === 'image' ? subject.body : assert.fail();
    const manifest = imageOf({ subject: subject.descriptor, artifactType: 'a/b' });
    await inside.blobs.write(config, inside.blobs.open(config));
    assert.ok(layers.length > 0);
    await giveImage(inside);
    await client.putManifest(`${name}@${manifest.descriptor.digest}`, manifest);
    assert.deepEqual(await listOf(client.referrers(`${name}:v1`)), []);
    assert.equal(await client.exists(`${name}@${manifest.descriptor.digest}`), true);
  });

  // id: docker-hub-subject-404
  it('Docker Hub, before: 404 for a manifest with a subject is the error of the push', async () => {
    const { client, name, inside } = await withImage({
      quirk: refusesKind('manifest.put', () => answer(404)),
    });
    const subject = await inside.manifests.resolve('v1');
    const manifest = imageOf(subject === undefined ? {} : { subject });
    await failsWith(client.putManifest(`${name}@${manifest.descriptor.digest}`, manifest), 'NAME_UNKNOWN');
  });
});
