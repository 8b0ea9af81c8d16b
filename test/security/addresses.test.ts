import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, it } from 'node:test';
import { inspect } from 'node:util';
import { createConnections } from '../../src/client/connections.ts';
import { isGantryError } from '../../src/errors.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { parseDigest } from '../../src/spec/digest.ts';
import { listOf } from '../../src/testing/contract/sample.ts';
import { fakeRegistry } from '../cli/fake-registry.ts';
import { findSecret, secret, withoutSecrets } from '../secret.ts';

/** A registry chooses the addresses of pages and uploads, and can put the credentials that it received into them. */

const password = secret('address');
const index = 'application/vnd.oci.image.index.v1+json';
const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const page = `/v2/app/${password}?last=x`;

type Answer = (response: ServerResponse, request: IncomingMessage) => void;

const link = (response: ServerResponse): ServerResponse =>
  response.setHeader('link', `<${page}>; rel="next"`);

const first: Readonly<Record<string, Answer>> = {
  tags: (response) => link(response).end('{"tags":["a"]}'),
  referrers: (response) =>
    link(response)
      .setHeader('content-type', index)
      .end(`{"schemaVersion":2,"mediaType":"${index}","manifests":[]}`),
  uploads: (response) => response.writeHead(202, { location: page }).end(),
};

const rows: readonly [name: string, asks: keyof typeof first, then: Answer, code: string][] = [
  [
    'the next page of a listing that leads back to itself',
    'tags',
    (response) => first['tags']?.(response, response.req),
    'UNEXPECTED_ANSWER',
  ],
  [
    'the next page of a listing that is no JSON',
    'tags',
    (response) => response.end('<html>'),
    'UNEXPECTED_ANSWER',
  ],
  [
    'the next page of a listing that has no list',
    'tags',
    (response) => response.end('{"tags":1}'),
    'UNEXPECTED_ANSWER',
  ],
  [
    'the next page of a listing that fails',
    'tags',
    (response) => response.writeHead(503).end(),
    'UNEXPECTED_STATUS',
  ],
  ['the next page of a listing that breaks off', 'tags', (response) => response.destroy(), 'CUT_OFF'],
  [
    'the next page of referrers that leads back to itself',
    'referrers',
    (response) => first['referrers']?.(response, response.req),
    'UNEXPECTED_ANSWER',
  ],
  ['the next page of referrers that is none', 'referrers', (response) => response.end(), 'UNEXPECTED_ANSWER'],
  ['an upload that fails', 'uploads', (response) => response.writeHead(503).end(), 'UNEXPECTED_STATUS'],
  ['an upload that breaks off', 'uploads', (response) => response.destroy(), 'CUT_OFF'],
];

describe('an address that repeats a password', () => {
  for (const [name, asks, then, code] of rows) {
    it(`C8: no error and no event shows a password in the address of ${name}`, async (test) => {
      const host = await fakeRegistry(test, (request, response) => {
        request.resume();
        const { pathname } = new URL(request.url ?? '/', 'http://x');
        if (request.headers.authorization === undefined) {
          response.writeHead(401, { 'www-authenticate': 'Basic realm="x"' }).end();
        } else if (pathname.includes(password)) then(response, request);
        else first[asks]?.(response, request);
      });
      const events: unknown[] = [];
      const retry = { attempts: 2, initial: 1 };
      await using connections = createConnections({
        keychain: async () => ({ kind: 'basic', username: 'alice', password }),
        retry: { ...retry, uploads: retry, downloads: retry },
        onWire: (event) => events.push(event),
      });
      const repository = connections
        .registry({ registry: host })
        .repository('app', { actions: ['pull', 'push'] });
      const ask = {
        tags: () => listOf(repository.tags.list()),
        referrers: () => listOf(repository.referrers(digest)),
        uploads: async () => (await repository.blobs.start()).append(bytesContent(new Uint8Array(10))),
      }[asks];
      const error: unknown = await ask?.().catch((reason: unknown) => reason);
      assert(isGantryError(error), inspect(error));
      assert.equal(error.code, code);
      const said = inspect([error, events], { depth: null, maxStringLength: null, maxArrayLength: null });
      const at = findSecret(said);
      assert(at < 0, withoutSecrets(said.slice(Math.max(0, at - 300), at + 100)));
    });
  }
});
