import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { copyImage } from '../../src/copy/copy.ts';
import { streamContent } from '../../src/flow/content.ts';
import { measure } from '../../src/flow/hash.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import { createApp } from '../../src/server/app.ts';
import { apiHost } from '../../src/spec/reference.ts';
import type { Repository } from '../../src/store/contract.ts';
import { emptyConfig, giveImage, imageOf } from '../../src/testing/contract/sample.ts';
import { contentLength, headerLines, headerValue } from '../../src/wire/headers.ts';
import type { HttpRequest, Middleware } from '../../src/wire/message.ts';
import type { OperationKind } from '../../src/wire/operation.ts';
import { answer, errorAnswer } from '../../src/wire/reply.ts';
import { generated } from '../faults/generated.ts';
import {
  all,
  answers,
  movesSessions,
  namesNoDigests,
  operationOf,
  refuses,
  withHeaders,
} from '../faults/spoil.ts';

/**
 * Habits of registries beside the specification, each a middleware around a registry without faults. A push and a pull
 * must succeed.
 */

const mebibyte = 1024 * 1024;
/** Larger than every known limit. */
const layer = generated(24.5 * mebibyte);

interface Quirk {
  readonly name: string;
  /** The host of the registry: gantry knows some hosts' habits beforehand. */
  readonly registry?: string;
  readonly quirk: () => Middleware;
  /** Checks the requests of the push and of the stream after it. */
  readonly check?: (asked: readonly Asked[]) => void;
}

interface Asked {
  readonly kind: OperationKind | undefined;
  readonly request: HttpRequest;
}

const steps = (asked: readonly Asked[], ...kinds: readonly OperationKind[]): number =>
  asked.filter(({ kind }) => kind !== undefined && kinds.includes(kind)).length;

const sessionSteps: readonly OperationKind[] = [
  'upload.start',
  'upload.mount',
  'upload.append',
  'upload.status',
];

/** Refuses a chunk with a Content-Range for its size. */
const refusesChunksOver = (most: number, status: number): Middleware =>
  refuses(({ kind }, { headers }) =>
    kind === 'upload.append' &&
    headerValue(headers, 'content-range') !== undefined &&
    (contentLength(headers) ?? 0) > most
      ? errorAnswer('REQUESTED_RANGE_NOT_SATISFIABLE', `exceeds ${most}`, { status })
      : undefined,
  );

const refusesBodiesOver = (most: number): Middleware =>
  refuses((_, { headers }) => ((contentLength(headers) ?? 0) > most ? answer(413) : undefined));

const wantsLengths = (status: number): Middleware =>
  refuses((_, { body, headers }) =>
    body !== undefined && contentLength(headers) === undefined
      ? errorAnswer('CONTENT_LENGTH_INVALID', 'how long?', { status })
      : undefined,
  );

const takesNoPatches: Middleware = refuses(({ kind }, { headers }) =>
  kind === 'upload.append' && headerValue(headers, 'content-range') !== undefined ? answer(400) : undefined,
);

/** Accepts bytes with PATCH only; a commit may bring the last of them. */
const wantsPatches = (): Middleware => {
  const begun = new Set<string>();
  return refuses((operation, { headers }) => {
    if (operation.kind === 'upload.append') begun.add(operation.id);
    const refused =
      operation.kind === 'upload.commit' && !begun.has(operation.id) && contentLength(headers) !== 0;
    return refused ? errorAnswer('BLOB_UNKNOWN', 'blob unknown to registry') : undefined;
  });
};

const ghcr = (): Middleware => refusesChunksOver(4 * mebibyte, 416);
const acr = (): Middleware => all(wantsLengths(400), refusesBodiesOver(20_000_000));

/** Answers PATCH with the Range of the first chunk for ever, and accepts no commit without bytes. */
const ecr = (): Middleware => {
  let first: readonly string[] | undefined;
  return all(
    refusesChunksOver(20 * mebibyte, 400),
    refuses(({ kind }, { headers }) =>
      kind === 'upload.commit' && contentLength(headers) === 0 ? answer(500) : undefined,
    ),
    answers(['upload.append', 'upload.status'], (response) => {
      first ??= headerLines(response.headers, 'range');
      return {
        ...withHeaders(response, { range: first }),
        status: response.status === 202 ? 201 : response.status,
      };
    }),
  );
};

/** Demands chunks of a size that it tells, except for the last. */
const cloudflare = (min: number, max: number): Middleware =>
  all(
    wantsLengths(411),
    refusesBodiesOver(max),
    refuses(({ kind }, { headers }) =>
      kind === 'upload.append' && (contentLength(headers) ?? 0) < min ? answer(400) : undefined,
    ),
    answers(['upload.start', 'upload.mount'], (response) =>
      withHeaders(response, {
        'oci-chunk-min-length': [String(min)],
        'oci-chunk-max-length': [String(max)],
      }),
    ),
  );

const locations = (change: (path: string) => string): Middleware =>
  answers(sessionSteps, (response) => {
    const location = headerValue(response.headers, 'location');
    return location === undefined ? response : withHeaders(response, { location: [change(location)] });
  });

/** Replaces the report of an empty session. */
const saysOfEmpty = (range: readonly string[]): Middleware =>
  answers(sessionSteps, (response) =>
    headerValue(response.headers, 'range') === '0-0' ? withHeaders(response, { range }) : response,
  );

const statusOf = (kind: OperationKind, from: number, to: number): Middleware =>
  answers([kind], (response) => (response.status === from ? { ...response, status: to } : response));

const quirks: readonly Quirk[] = [
  {
    // id: ecr-stale-range
    name: 'ECR: 201 for a chunk, a stale Range, no empty commit',
    registry: '123456789012.dkr.ecr.eu-west-1.amazonaws.com',
    quirk: ecr,
  },
  {
    // id: ghcr-chunks-over-4-mib
    name: 'GHCR: 416 for chunks over 4 MiB',
    registry: 'ghcr.io',
    quirk: ghcr,
    check: (asked) => assert.equal(steps(asked, 'upload.append'), 6),
  },
  // id: unknown-host-like-ghcr
  { name: 'an unknown host like GHCR', quirk: ghcr },
  // id: artifact-registry-no-chunks
  { name: 'Artifact Registry: no chunks', registry: 'europe-docker.pkg.dev', quirk: () => takesNoPatches },
  // id: unknown-host-like-artifact-registry
  { name: 'an unknown host like Artifact Registry', quirk: () => takesNoPatches },
  // id: acr-body-limits
  { name: 'ACR: no body without a length, none over 20 MB', registry: 'acme.azurecr.io', quirk: acr },
  // id: unknown-host-like-acr
  { name: 'an unknown host like ACR', quirk: acr },
  {
    // id: quay-mount-without-source
    name: 'Quay: 400 for a mount without a source, asked for once',
    registry: 'quay.io',
    quirk: () =>
      refuses((operation) =>
        operation.kind === 'upload.mount' && operation.from === undefined
          ? errorAnswer('INVALID_REQUEST', 'from?', { status: 400 })
          : undefined,
      ),
    check: (asked) => assert.equal(steps(asked, 'upload.mount'), 2),
  },
  ...[400, 401, 403, 404, 405, 500].map((status) => ({
    // id: docker-hub-mount-refused
    name: `Docker Hub and others: ${status} for a mount from elsewhere`,
    registry: 'docker.io',
    quirk: () =>
      refuses((operation) =>
        operation.kind === 'upload.mount' && operation.from !== undefined ? answer(status) : undefined,
      ),
  })),
  // id: no-digest-header-push
  { name: 'no Docker-Content-Digest', quirk: () => namesNoDigests },
  {
    name: '405 for every HEAD',
    quirk: () => (next) => async (request) => (request.method === 'HEAD' ? answer(405) : next(request)),
  },
  {
    name: 'no Content-Length for a HEAD',
    quirk: () => (next) => async (request) => {
      const response = await next(request);
      return request.method === 'HEAD' ? withHeaders(response, { 'content-length': [] }) : response;
    },
  },
  // id: absolute-locations
  { name: 'absolute Locations', quirk: () => locations((path) => `https://registry.test${path}`) },
  {
    // id: location-with-default-port
    name: 'Locations with the default port',
    quirk: () => locations((path) => `https://registry.test:443${path}`),
  },
  {
    // id: locations-forget-tls
    name: 'Locations with http in place of https',
    quirk: () => locations((path) => `http://registry.test${path}`),
  },
  { name: 'Locations relative to the scheme', quirk: () => locations((path) => `//registry.test${path}`) },
  // id: location-on-another-host
  { name: 'Locations elsewhere with a query of their own', quirk: movesSessions },
  {
    name: 'no Location after a chunk',
    quirk: () => answers(['upload.append'], (response) => withHeaders(response, { location: [] })),
  },
  // id: gitea-empty-session-old
  { name: 'Gitea, before: 0--1 for an empty session', quirk: () => saysOfEmpty(['0--1']) },
  // id: gitea-empty-session
  { name: 'Gitea: no Range for an empty session', quirk: () => saysOfEmpty([]) },
  {
    // id: gitea-chunk-needs-range
    name: 'Gitea: no chunk without a Content-Range',
    quirk: () =>
      refuses(({ kind }, { headers }) =>
        kind === 'upload.append' && headerValue(headers, 'content-range') === undefined
          ? answer(416)
          : undefined,
      ),
  },
  {
    name: 'no Range at all',
    quirk: () => answers(sessionSteps, (response) => withHeaders(response, { range: [] })),
  },
  {
    // id: cloudflare-chunk-sizes
    name: 'Cloudflare: chunks of at least 5 and at most 6 MiB',
    quirk: () => cloudflare(5 * mebibyte, 6 * mebibyte),
    check: (asked) => assert.equal(steps(asked, 'upload.append'), 8),
  },
  {
    // id: cloudflare-one-chunk-size
    name: 'Cloudflare: a smallest chunk as large as the largest',
    quirk: () => cloudflare(5 * mebibyte, 5 * mebibyte),
  },
  {
    name: 'a smallest chunk above the usual size',
    quirk: () => cloudflare(20 * mebibyte, 25 * mebibyte),
  },
  { name: '204 for a chunk', quirk: () => statusOf('upload.append', 202, 204) },
  { name: '204 for a commit', quirk: () => statusOf('upload.commit', 201, 204) },
  { name: '200 for a manifest', quirk: () => statusOf('manifest.put', 201, 200) },
  { name: '202 for a manifest', quirk: () => statusOf('manifest.put', 201, 202) },
  // id: artifactory-commit-404
  { name: 'Artifactory, before: 404 for a commit with all bytes', quirk: wantsPatches },
  // id: nexus-length-required
  { name: 'Nexus: 411 without a length', quirk: () => wantsLengths(411) },
  {
    // id: harbor-cookie-403
    name: 'Harbor: 403 for a client that sends its cookie back',
    registry: 'harbor.test',
    quirk: () => (next) => async (request) => {
      if (headerValue(request.headers, 'cookie') !== undefined)
        return errorAnswer('DENIED', 'CSRF token invalid');
      return withHeaders(await next(request), { 'set-cookie': ['sid=1; Path=/; HttpOnly'] });
    },
  },
  {
    // id: distribution-octet-stream-only
    name: 'distribution: 500 for bytes of another type',
    quirk: () =>
      refuses(({ kind }, { body, headers }) =>
        (kind === 'upload.append' || kind === 'upload.commit') &&
        body !== undefined &&
        headerValue(headers, 'content-type') !== 'application/octet-stream'
          ? answer(500)
          : undefined,
      ),
  },
];

/** Opens a registry of that name with the quirk, as its client sees it and without the quirk. */
function open({ registry = 'registry.test', quirk }: Quirk) {
  const memory = createMemoryRegistry();
  const asked: Asked[] = [];
  const send = quirk()(createApp(memory));
  const base = `https://${apiHost(registry)}`;
  const remote = createRemoteRegistry({
    base,
    registry,
    async send(request) {
      assert.ok(request.url.startsWith(`${base}/`) || request.url.startsWith(`${base}:443/`), request.url);
      // The server sees only the path, as over a socket.
      const seen = {
        ...request,
        url: request.url.slice(new URL(request.url).origin.length).replace(/^:443/, ''),
      };
      asked.push({ kind: operationOf(seen)?.kind, request: seen });
      return { ...(await send(seen)), url: request.url };
    },
  });
  const repository = remote.repository('acme/app', { actions: ['pull', 'push'] });
  return { repository, inside: memory.repository('acme/app'), asked };
}

const image = imageOf({
  layers: [{ descriptor: layer.descriptor, bytes: new Uint8Array(0), content: layer.content }],
});

const from = createMemoryRegistry().repository('acme/from');

before(async () => {
  await from.blobs.write(layer.descriptor, layer.content);
  await giveImage(from);
  await from.manifests.put(image, { tags: ['v1'] });
});

async function assertThere(place: Repository): Promise<void> {
  assert.equal((await place.manifests.resolve('v1'))?.digest, image.descriptor.digest);
  for (const blob of [layer.descriptor, emptyConfig.descriptor]) {
    assert.equal((await measure(place.blobs.open(blob).open())).digest, blob.digest);
  }
}

describe('a push and a pull at a registry with a habit', () => {
  for (const quirk of quirks) {
    it(`a push and a pull succeed with this habit: ${quirk.name}`, async () => {
      const { repository, inside, asked } = open(quirk);
      await copyImage(from, 'v1', repository, { tags: ['v1'], mountFrom: 'acme/from' });
      await assertThere(inside);
      assert.equal(await inside.blobs.delete(layer.descriptor.digest), true);
      const streamed = await repository.blobs.ingest(streamContent(layer.content.open()));
      assert.equal(streamed.digest, layer.descriptor.digest);
      quirk.check?.(asked);
      const back = createMemoryRegistry().repository('acme/back');
      await copyImage(repository, 'v1', back, { tags: ['v1'] });
      await assertThere(back);
      const before = steps(asked, ...sessionSteps, 'upload.commit');
      await copyImage(from, 'v1', repository, { tags: ['v2'] });
      assert.equal(steps(asked, ...sessionSteps, 'upload.commit'), before, 'what is there is not sent again');
    });
  }
});
