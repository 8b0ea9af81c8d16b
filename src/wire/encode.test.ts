import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesContent, streamContent } from '../flow/content.ts';
import { parseDigest } from '../spec/digest.ts';
import { encode, uploadRequest, withDigest } from './encode.ts';
import { headerValue } from './headers.ts';

const digest = parseDigest(`sha256:${'a'.repeat(64)}`);
const base = 'https://h:5000';
const body = bytesContent(new Uint8Array(12));
const stream = streamContent(body.open());

describe('encode', () => {
  it('An encoded operation is addressed from the root of the registry', () => {
    const request = encode({ kind: 'tags.list', repository: 'a/b', n: 5, last: 'x y' }, base);
    assert.equal(request.method, 'GET');
    assert.equal(request.url, 'https://h:5000/v2/a/b/tags/list?n=5&last=x%20y');
  });

  it('A request for a manifest accepts every manifest type', () => {
    for (const kind of ['manifest.get', 'manifest.head'] as const) {
      const { headers } = encode({ kind, repository: 'a', reference: '1' }, base);
      const accept = headerValue(headers, 'accept') ?? '';
      assert.match(accept, /oci\.image\.index/);
      assert.match(accept, /docker\.distribution\.manifest\.v2/);
    }
  });

  it('Every reading request forbids compression', () => {
    const requests = [
      encode({ kind: 'ping' }, base),
      encode({ kind: 'catalog' }, base),
      encode({ kind: 'blob.get', repository: 'a', digest }, base),
      encode({ kind: 'manifest.get', repository: 'a', reference: '1' }, base),
      encode({ kind: 'tags.list', repository: 'a' }, base),
      encode({ kind: 'referrers', repository: 'a', digest }, base),
      uploadRequest({ kind: 'status' }, '/u'),
    ];
    for (const { method, headers } of requests) {
      assert.equal(method, 'GET');
      assert.equal(headerValue(headers, 'accept-encoding'), 'identity');
    }
  });

  it('The start of an upload without a body announces Content-Length 0', () => {
    const request = encode({ kind: 'upload.start', repository: 'a' }, base);
    assert.equal(request.body, undefined);
    assert.equal(headerValue(request.headers, 'content-length'), '0');
    assert.equal(request.replay, 'never');
  });

  it('The start of an upload may carry the whole blob', () => {
    const request = encode({ kind: 'upload.start', repository: 'a', digest }, base, { body });
    assert.equal(request.body, body);
    assert.equal(headerValue(request.headers, 'content-length'), '12');
    assert.equal(headerValue(request.headers, 'content-type'), 'application/octet-stream');
  });

  it('A request for a part of a blob has a Range', () => {
    const { headers } = encode({ kind: 'blob.get', repository: 'a', digest }, base, { range: { from: 5 } });
    assert.equal(headerValue(headers, 'range'), 'bytes=5-');
  });

  it('A manifest is sent with its type and length', () => {
    const request = encode({ kind: 'manifest.put', repository: 'a', reference: '1', tags: [] }, base, {
      body,
      mediaType: 'application/x',
      scopes: ['s'],
      headers: { 'if-match': ['"x"'] },
    });
    assert.deepEqual(request.headers, {
      'content-type': ['application/x'],
      'content-length': ['12'],
      'if-match': ['"x"'],
    });
    assert.deepEqual(request.scopes, ['s']);
    assert.equal(request.replay, 'safe');
  });

  it('A request whose body can be read only once is never repeated', () => {
    const put = { kind: 'manifest.put', repository: 'a', reference: '1', tags: [] } as const;
    assert.equal(encode(put, base, { body: stream }).replay, 'never');
  });

  it('A request that only reads or deletes may be repeated', () => {
    for (const kind of ['blob.get', 'blob.head', 'blob.delete'] as const) {
      assert.equal(encode({ kind, repository: 'a', digest }, base).replay, 'safe');
    }
  });
});

describe('uploadRequest', () => {
  it('A step of an upload uses the Location byte for byte', () => {
    const location = 'https://h/u?_state=a%7eb~c+d&empty=';
    for (const kind of ['status', 'cancel'] as const) {
      const request = uploadRequest({ kind }, location);
      assert.equal(request.url, location);
      assert.equal(request.replay, 'safe');
    }
    assert.equal(uploadRequest({ kind: 'append', content: body }, location).url, location);
    assert.equal(
      uploadRequest({ kind: 'commit', digest }, location).url,
      `${location}&digest=sha256%3A${'a'.repeat(64)}`,
    );
  });

  it('A chunk is sent with its position in the blob', () => {
    const request = uploadRequest({ kind: 'append', content: body, from: 100 }, '/u');
    assert.equal(request.method, 'PATCH');
    assert.equal(request.replay, 'never');
    assert.deepEqual(request.headers, {
      'content-type': ['application/octet-stream'],
      'content-length': ['12'],
      'content-range': ['100-111'],
    });
  });

  it('A stream of unknown length is sent without a Content-Range', () => {
    const request = uploadRequest({ kind: 'append', content: stream, from: 0 }, '/u');
    assert.deepEqual(request.headers, { 'content-type': ['application/octet-stream'] });
  });

  it('A commit carries the last chunk or no body', () => {
    const last = uploadRequest({ kind: 'commit', digest, content: body }, '/u', { answerWithin: 5 });
    assert.equal(last.method, 'PUT');
    assert.equal(headerValue(last.headers, 'content-length'), '12');
    assert.equal(last.answerWithin, 5);
    const nothing = uploadRequest({ kind: 'commit', digest }, '/u');
    assert.deepEqual(nothing.headers, { 'content-length': ['0'] });
    assert.equal(nothing.body, undefined);
  });
});

describe('withDigest', () => {
  it('The digest begins the query of a Location or is appended to it', () => {
    const short = parseDigest('x+y:A=');
    assert.equal(withDigest('/u', short), '/u?digest=x%2By%3AA%3D');
    assert.equal(withDigest('/u?a=1', short), '/u?a=1&digest=x%2By%3AA%3D');
  });
});
