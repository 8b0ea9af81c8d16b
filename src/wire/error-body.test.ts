import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { secret } from '../../test/secret.ts';
import {
  AuthError,
  ContentError,
  type GantryError,
  InputError,
  NotFoundError,
  ResponseError,
  StorageError,
  TransportError,
  UnsupportedError,
} from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent } from '../flow/content.ts';
import { errorReply, readError } from './error-body.ts';
import type { HttpResponse } from './message.ts';
import type { OperationKind } from './operation.ts';

const url = `https://h/v2/a/manifests/1?sig=${secret('signature')}`;

function answer(status: number, body: string | Uint8Array | AsyncIterable<Uint8Array>): HttpResponse {
  const bytes = typeof body === 'string' ? new TextEncoder().encode(body) : body;
  return { status, headers: {}, body: bytes instanceof Uint8Array ? bytesContent(bytes).open() : bytes };
}

function read(
  response: HttpResponse,
  kind: OperationKind = 'manifest.get',
  method = 'GET',
): Promise<GantryError> {
  return readError(response, { request: { method, url }, what: 'manifest h/a:1', kind });
}

const coded = (code: unknown): string => JSON.stringify({ errors: [{ code, message: 'm' }] });

async function* cutOff(text: string): AsyncIterable<Uint8Array> {
  yield new TextEncoder().encode(text);
  throw new TransportError('CUT_OFF', 'cut');
}

describe('readError for a manifest with a missing blob', () => {
  const digest = `sha256:${'ab'.repeat(32)}`;
  const details: readonly (readonly [string, object])[] = [
    ['in its message', { message: `blob ${digest} is missing` }],
    ['in its detail', { message: 'blob unknown to registry', detail: digest }],
    ['in an object', { message: 'blob unknown to registry', detail: { digest } }],
    ['without a message', { detail: [{ Digest: digest }] }],
  ];
  for (const [where, entry] of details) {
    it(`missing-blob-unnamed: the error names the missing blob once when the registry names it ${where}`, async () => {
      const body = JSON.stringify({ errors: [{ code: 'MANIFEST_BLOB_UNKNOWN', ...entry }] });
      const error = await read(answer(404, body), 'manifest.put', 'PUT');
      assert.equal(error.code, 'MANIFEST_BLOB_UNKNOWN');
      assert.equal(error.message.split(digest).length, 2, error.message);
    });
  }
});

describe('readError', () => {
  const rows: readonly [
    name: string,
    status: number,
    body: string,
    kind: OperationKind,
    type: string,
    code: string,
  ][] = [
    [
      'is the missing manifest',
      404,
      coded('MANIFEST_UNKNOWN'),
      'manifest.get',
      'NotFoundError',
      'MANIFEST_UNKNOWN',
    ],
    [
      'is the missing repository',
      404,
      coded('NAME_UNKNOWN'),
      'manifest.get',
      'NotFoundError',
      'NAME_UNKNOWN',
    ],
    [
      'is a missing manifest by any code',
      404,
      coded('NOT_FOUND'),
      'manifest.get',
      'NotFoundError',
      'MANIFEST_UNKNOWN',
    ],
    [
      'is a missing manifest by a number',
      404,
      coded(404),
      'manifest.get',
      'NotFoundError',
      'MANIFEST_UNKNOWN',
    ],
    ['is a missing blob without a body', 404, '', 'blob.get', 'NotFoundError', 'BLOB_UNKNOWN'],
    ['is a missing blob by a web page', 404, '<html>', 'blob.head', 'NotFoundError', 'BLOB_UNKNOWN'],
    [
      'is a missing session',
      404,
      coded('BLOB_UPLOAD_INVALID'),
      'upload.append',
      'NotFoundError',
      'BLOB_UPLOAD_UNKNOWN',
    ],
    ['is a missing repository of tags', 404, 'null', 'tags.list', 'NotFoundError', 'NAME_UNKNOWN'],
    [
      'is a missing layer',
      400,
      coded('MANIFEST_BLOB_UNKNOWN'),
      'manifest.put',
      'NotFoundError',
      'MANIFEST_BLOB_UNKNOWN',
    ],
    ['is UNAUTHORIZED for a 401', 401, coded('UNAUTHORIZED'), 'blob.get', 'AuthError', 'UNAUTHORIZED'],
    ['is UNAUTHORIZED for a 401 without a body', 401, '', 'blob.get', 'AuthError', 'UNAUTHORIZED'],
    ['is DENIED for a 403', 403, '', 'blob.get', 'AuthError', 'DENIED'],
    ['is DENIED for a 401 with that code', 401, coded('DENIED'), 'blob.get', 'AuthError', 'DENIED'],
    ['is TOOMANYREQUESTS for a 429', 429, '', 'blob.get', 'ResponseError', 'TOOMANYREQUESTS'],
    [
      'is TOOMANYREQUESTS for a 503 with that code',
      503,
      coded('TOOMANYREQUESTS'),
      'blob.get',
      'ResponseError',
      'TOOMANYREQUESTS',
    ],
    ['is a wrong digest', 400, coded('DIGEST_INVALID'), 'upload.commit', 'ContentError', 'DIGEST_INVALID'],
    ['is TOO_LARGE for a 413', 413, '<html>', 'manifest.put', 'ContentError', 'TOO_LARGE'],
    ['is a disabled operation for a 405', 405, '', 'manifest.delete', 'UnsupportedError', 'UNSUPPORTED'],
    [
      'has the registry\u2019s own code',
      400,
      coded('TAG_INVALID'),
      'manifest.put',
      'ResponseError',
      'TAG_INVALID',
    ],
    [
      'is a wrong range for a 416',
      416,
      coded('RANGE_INVALID'),
      'upload.append',
      'ResponseError',
      'RANGE_INVALID',
    ],
    [
      'is a name that the registry refuses',
      400,
      coded('NAME_INVALID'),
      'blob.get',
      'ResponseError',
      'NAME_INVALID',
    ],
    [
      'is the status when the answer tells nothing else',
      502,
      '<html>',
      'blob.get',
      'ResponseError',
      'UNEXPECTED_STATUS',
    ],
    [
      'is a failure of the server when a 5xx carries a code of absence',
      500,
      coded('BLOB_UNKNOWN'),
      'blob.get',
      'ResponseError',
      'BLOB_UNKNOWN',
    ],
    [
      'is found although `errors` is null',
      404,
      '{"errors":null}',
      'blob.get',
      'NotFoundError',
      'BLOB_UNKNOWN',
    ],
    [
      'is found although an entry is null',
      404,
      '{"errors":[null,3]}',
      'blob.get',
      'NotFoundError',
      'BLOB_UNKNOWN',
    ],
    [
      'takes no code from the members of every object',
      400,
      coded('constructor'),
      'blob.get',
      'ResponseError',
      'UNEXPECTED_STATUS',
    ],
  ];
  for (const [name, status, body, kind, type, code] of rows) {
    it(`The error of an answer ${name}`, async () => {
      const error = await read(answer(status, body), kind);
      assert.deepEqual({ type: error.name, code: error.code }, { type, code });
      assert.equal(error.response?.status, status);
    });
  }

  it('The error keeps the words of the registry, and shows no secret of the address', async () => {
    const body = JSON.stringify({ errors: [{ code: 'DENIED', message: 'no', detail: { a: 1 } }] });
    const { response } = await read(answer(403, body));
    assert.deepEqual(response, {
      method: 'GET',
      url: 'https://h/v2/a/manifests/1?sig=***',
      status: 403,
      errors: [{ code: 'DENIED', message: 'no', detail: { a: 1 } }],
    });
  });

  for (const body of ['{"message":"m"}', '{"detail":"m"}', '{"error":"m"}']) {
    it(`The error has the message of ${body}`, async () => {
      const { response } = await read(answer(500, body));
      assert.deepEqual(response?.errors, [{ code: 'UNKNOWN', message: 'm' }]);
    });
  }

  it('The body of an answer to HEAD is ignored, since a HEAD has none', async () => {
    const error = await read(answer(404, coded('NAME_UNKNOWN')), 'manifest.head', 'HEAD');
    assert.equal(error.code, 'MANIFEST_UNKNOWN');
  });

  // id: error-body-limit
  it('Reading stops at the limit of an endless error body and releases it', async () => {
    let ended = false;
    const endless = async function* (): AsyncIterable<Uint8Array> {
      try {
        for (;;) yield new Uint8Array(1024);
      } finally {
        ended = true;
      }
    };
    assert.equal((await read(answer(500, endless()))).code, 'UNEXPECTED_STATUS');
    assert.ok(ended);
  });

  it('The error uses the bytes that came before the body broke off', async () => {
    const error = await read(answer(403, cutOff(coded('DENIED'))));
    assert.deepEqual(error.response?.errors, [{ code: 'DENIED', message: 'm' }]);
  });

  it('An aborted caller gets its own reason instead of the error', async () => {
    const reason = new Error('enough');
    const request = { method: 'GET', url, signal: AbortSignal.abort(reason) };
    await assert.rejects(
      readError(answer(500, cutOff('')), { request, what: 'x', kind: 'ping' }),
      (error) => error === reason,
    );
  });

  it('The error is read from any bytes and is one line', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 400, max: 599 }),
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => new TextEncoder().encode(text)),
        ),
        async (status, body) => {
          const error = await read(answer(status, body));
          assert.equal(error.isGantryError, true);
          assert.doesNotMatch(error.message, /\p{Cc}/u);
        },
      ),
    );
  });
});

describe('readError for an answer with a Retry-After', () => {
  for (const status of [429, 503]) {
    it(`the error of ${status} has the wait as a field, and its message names it`, async () => {
      const response = { ...answer(status, coded('TOOMANYREQUESTS')), headers: { 'retry-after': ['3600'] } };
      const error = await read(response);
      assert.equal(error.response?.retryAfter, 3_600_000);
      assert.match(error.message, /\b3600 s\b/);
    });
  }

  it('the error of an answer without a Retry-After has no such field', async () => {
    const { response } = await read(answer(429, ''));
    assert.ok(response !== undefined && !('retryAfter' in response));
  });
});

function refused(status: number, retryAfter: number): { readonly cause: ResponseError } {
  const response = { method: 'GET', url: 'https://h/', status, errors: [], retryAfter };
  return { cause: new ResponseError('UNKNOWN', 'm', { response }) };
}

describe('errorReply for a refusal that asks for a wait', () => {
  const rows: readonly [name: string, error: unknown, status: number, wait: string | undefined][] = [
    ['an upstream with 429', new ResponseError('TOOMANYREQUESTS', 'm', refused(429, 3_600_000)), 429, '3600'],
    ['an upstream with 503', new ResponseError('UNEXPECTED_ANSWER', 'm', refused(503, 1500)), 503, '2'],
    ['this registry itself', new ResponseError('TOOMANYREQUESTS', 'm'), 429, '5'],
    ['nothing', new ResponseError('UNEXPECTED_ANSWER', 'm'), 502, undefined],
  ];
  for (const [name, error, status, wait] of rows) {
    it(`errorReply is ${status} with Retry-After ${wait} when ${name} asks for the wait`, () => {
      const reply = errorReply(error);
      assert.deepEqual([reply.status, reply.headers['retry-after']?.[0]], [status, wait]);
    });
  }
});

describe('errorReply', () => {
  const rows: readonly [name: string, error: unknown, status: number, code: string][] = [
    ['is 404 for missing content', new NotFoundError('BLOB_UNKNOWN', 'm'), 404, 'BLOB_UNKNOWN'],
    ['is 400 for wrong content', new ContentError('DIGEST_INVALID', 'm'), 400, 'DIGEST_INVALID'],
    ['is 413 for content that is too large', new ContentError('TOO_LARGE', 'm'), 413, 'SIZE_INVALID'],
    [
      'is DIGEST_INVALID for a text that is no digest',
      new InputError('INVALID_DIGEST', 'm'),
      400,
      'DIGEST_INVALID',
    ],
    ['is NAME_INVALID for a text that is no name', new InputError('NAME_INVALID', 'm'), 400, 'NAME_INVALID'],
    [
      'is DIGEST_INVALID for an algorithm that gantry cannot compute',
      new UnsupportedError('digest', 'm'),
      400,
      'DIGEST_INVALID',
    ],
    ['is 405 for a disabled operation', new UnsupportedError('blob.delete', 'm'), 405, 'UNSUPPORTED'],
    ['is 416 for a wrong range', new ResponseError('RANGE_INVALID', 'm'), 416, 'RANGE_INVALID'],
    ['hides the words of a foreign error', new Error('/secret'), 500, 'UNKNOWN'],
    ['hides a thrown value that is no error', 'secret', 500, 'UNKNOWN'],
    [
      'hides the paths of a storage error',
      new StorageError('NO_SPACE', '/secret', { path: '/secret' }),
      503,
      'UNAVAILABLE',
    ],
    [
      'hides the words of a cut connection to the upstream',
      new TransportError('CUT_OFF', 'secret'),
      502,
      'UNAVAILABLE',
    ],
    ['is 502 for an unreachable upstream', new TransportError('NO_CONNECTION', 'secret'), 502, 'UNAVAILABLE'],
    ['is 504 for an upstream that timed out', new TransportError('TIMED_OUT', 'secret'), 504, 'UNAVAILABLE'],
    ['is 504 for an upstream that stalled', new TransportError('STALLED', 'secret'), 504, 'UNAVAILABLE'],
    ['hides an unknown code of the upstream', new ResponseError('X', 'secret'), 502, 'UNAVAILABLE'],
    ['hides a failure of the upstream', new ResponseError('UNKNOWN', 'secret'), 502, 'UNAVAILABLE'],
    ['is 429 for too many requests', new ResponseError('TOOMANYREQUESTS', 'm'), 429, 'TOOMANYREQUESTS'],
    ['hides a failed login at the upstream', new AuthError('HELPER_FAILED', 'secret'), 500, 'UNKNOWN'],
  ];
  for (const [name, error, status, code] of rows) {
    it(`The answer to an error ${name}`, async () => {
      const reply = errorReply(error);
      assert.equal(reply.status, status);
      const text = new TextDecoder().decode(await collect(reply.body, { limit: 1000, what: 'reply' }));
      assert.doesNotMatch(text, /secret/);
      assert.match(text, new RegExp(`"code":"${code}"`));
    });
  }

  it('readError reads the error that errorReply wrote', async () => {
    const error = await read(errorReply(new NotFoundError('NAME_UNKNOWN', 'm')));
    assert.equal(error.code, 'NAME_UNKNOWN');
  });
});
