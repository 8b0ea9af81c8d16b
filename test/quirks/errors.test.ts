import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../../src/errors.ts';
import type { HttpResponse } from '../../src/wire/message.ts';
import { answer, errorAnswer, jsonAnswer } from '../../src/wire/reply.ts';
import { refusesOnce } from '../faults/spoil.ts';
import { readsWhole, stage, withImage, worksWhole } from './stage.ts';

/** Refusals by registries, and by servers in front of them. */

const said = (status: number, type: string, body: string): HttpResponse =>
  answer(status, { 'content-type': [type] }, new TextEncoder().encode(body));

interface Row {
  readonly name: string;
  readonly refusal: () => HttpResponse;
  readonly code: string;
  readonly says?: string;
}

const rows: readonly Row[] = [
  { name: 'nothing, with 404', refusal: () => answer(404), code: 'MANIFEST_UNKNOWN' },
  {
    // id: redhat-unknown-code
    name: 'registry.redhat.io: UNKNOWN "Not Found"',
    refusal: () => errorAnswer('UNKNOWN', 'Not Found', { status: 404 }),
    code: 'MANIFEST_UNKNOWN',
    says: 'Not Found',
  },
  {
    // id: harbor-not-found-code
    name: 'Harbor: NOT_FOUND',
    refusal: () => errorAnswer('NOT_FOUND', 'artifact acme/app:v1 not found', { status: 404 }),
    code: 'MANIFEST_UNKNOWN',
    says: 'artifact acme/app:v1 not found',
  },
  {
    name: 'a code that is a number',
    refusal: () => jsonAnswer(404, { errors: [{ code: 404, message: 'no such thing' }] }),
    code: 'MANIFEST_UNKNOWN',
    says: 'no such thing',
  },
  {
    // id: gitea-null-errors
    name: 'Gitea: errors that are null',
    refusal: () => jsonAnswer(400, { errors: null }),
    code: 'UNEXPECTED_STATUS',
    says: '400',
  },
  {
    name: 'a detail alone',
    refusal: () => jsonAnswer(400, { detail: 'what is that?' }),
    code: 'UNKNOWN',
    says: 'what is that?',
  },
  {
    // id: error-message-only
    name: 'a message alone',
    refusal: () => jsonAnswer(403, { message: 'the scan is not done' }),
    code: 'DENIED',
    says: 'the scan is not done',
  },
  {
    name: 'a web page, with 404',
    refusal: () => said(404, 'text/html', '<html>404'),
    code: 'MANIFEST_UNKNOWN',
  },
  {
    name: 'a web page, with 502',
    refusal: () => said(502, 'text/html', '<html>Bad Gateway'),
    code: 'UNEXPECTED_STATUS',
    says: '502',
  },
  {
    // id: crane-registry-json-as-text
    name: 'crane’s registry: JSON under text/plain',
    refusal: () => said(404, 'text/plain', '{"errors":[{"code":"NAME_UNKNOWN","message":"Unknown name"}]}'),
    code: 'NAME_UNKNOWN',
    says: 'Unknown name',
  },
  {
    // id: distribution-oci-manifest-404
    name: 'distribution: 404 for an OCI manifest that is not accepted',
    refusal: () =>
      errorAnswer('MANIFEST_UNKNOWN', 'OCI manifest found, but accept header does not support OCI manifests'),
    code: 'MANIFEST_UNKNOWN',
    says: 'accept header',
  },
  {
    // id: harbor-get-policy-412
    name: 'Harbor: a policy, with 412',
    refusal: () => errorAnswer('PROJECTPOLICYVIOLATION', 'cosign signature missing', { status: 412 }),
    code: 'PROJECTPOLICYVIOLATION',
    says: 'cosign signature missing',
  },
  {
    // id: distribution-error-500
    name: 'distribution: 500',
    refusal: () => errorAnswer('UNKNOWN', 'unknown error'),
    code: 'UNKNOWN',
    says: '500',
  },
  {
    // id: docker-hub-rate-limit
    name: 'Docker Hub: a rate that is used up',
    refusal: () =>
      errorAnswer('TOOMANYREQUESTS', 'You have reached your unauthenticated pull rate limit', {
        status: 429,
      }),
    code: 'TOOMANYREQUESTS',
    says: 'pull rate limit',
  },
  {
    // id: docker-hub-rate-limit-lower-case
    name: 'Docker Hub: the same in small letters',
    refusal: () => said(429, 'text/plain', 'toomanyrequests: You have reached your pull rate limit'),
    code: 'TOOMANYREQUESTS',
    says: '429',
  },
  {
    // id: quay-nginx-page
    name: 'Quay: the page of its nginx',
    refusal: () => said(429, 'text/html', '<html>429 Too Many Requests'),
    code: 'TOOMANYREQUESTS',
  },
  {
    // id: ecr-public-too-much-data
    name: 'ECR Public: too much data',
    refusal: () => errorAnswer('TOOMANYREQUESTS', 'Data limit exceeded', { status: 429 }),
    code: 'TOOMANYREQUESTS',
    says: 'Data limit exceeded',
  },
  {
    // id: ecr-rate-limit-503
    name: 'ECR, before: the rate with 503',
    refusal: () => errorAnswer('TOOMANYREQUESTS', 'Rate exceeded', { status: 503 }),
    code: 'TOOMANYREQUESTS',
    says: 'Rate exceeded',
  },
];

describe('a refused read', () => {
  for (const { name, refusal, code, says = '' } of rows) {
    it(`a refused read has its code for this response: ${name}`, async () => {
      const { client, name: repository, asked } = stage({ quirk: () => async () => refusal() });
      await assert.rejects(client.getManifest(`${repository}:v1`), (error) => {
        assert.ok(isGantryError(error), String(error));
        assert.equal(error.code, code);
        assert.ok(error.message.includes(says) && !error.message.includes('<html>'), error.message);
        return true;
      });
      const { status } = refusal();
      const isTransient = [429, 500, 502, 503].includes(status);
      assert.equal(asked.length, isTransient ? 3 : 1, 'only what may pass is asked again');
      if (status === 404) assert.equal(await client.exists(`${repository}:v1`), false);
    });
  }
});

// id: retried-statuses
describe('a registry that refuses for a while', () => {
  for (const [name, status, headers] of [
    // id: busy-without-retry-after
    ['429 without a Retry-After', 429, {}],
    // id: busy-with-retry-after
    ['429 with a Retry-After', 429, { 'retry-after': ['0'] }],
    ['429 with the date of one', 429, { 'retry-after': ['Wed, 21 Oct 2015 07:28:00 GMT'] }],
    ['429 with a Retry-After that makes no sense', 429, { 'retry-after': ['soon'] }],
    // id: ecr-throttle-503
    ['ECR: 503 for a throttle', 503, {}],
    ['503 with a Retry-After', 503, { 'retry-after': ['0'] }],
    ['408', 408, {}],
    ['499, as nginx', 499, {}],
    ['500', 500, {}],
    ['502', 502, {}],
    ['504', 504, {}],
    // id: cloudflare-522
    ['522, as Cloudflare', 522, {}],
  ] as const) {
    it(`a push and a pull succeed after this refusal: ${name}`, async () => {
      await worksWhole(stage({ quirk: refusesOnce(status, headers) }));
      await readsWhole(await withImage({ quirk: refusesOnce(status, headers) }));
    });
  }

  for (const status of [501, 505]) {
    // id: final-statuses
    it(`a request is not repeated after ${status}`, async () => {
      const { client, name, asked } = stage({ quirk: () => async () => answer(status) });
      await assert.rejects(client.getManifest(`${name}:v1`), (error) => isGantryError(error));
      assert.equal(asked.length, 1);
    });
  }
});

describe('the rate limit of Docker Hub', () => {
  // id: one-get-for-an-image
  it('a digest takes a HEAD at Docker Hub, and an image one GET, since only GETs of manifests count', async () => {
    const { client, name, asked } = await withImage({ quirk: (next) => next });
    await client.exists(`${name}:v1`);
    await client.getDescriptor(`${name}:v1`);
    const gets = () => asked.filter(({ kind }) => kind === 'manifest.get').length;
    assert.equal(gets(), 0);
    await client.getImage(`${name}:v1`);
    assert.equal(gets(), 1);
  });
});
