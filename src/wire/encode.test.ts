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

describe('an encoded operation', () => {
  it('goes to the registry\u2019s root', () => {
    const request = encode({ kind: 'tags.list', repository: 'a/b', n: 5, last: 'x y' }, base);
    assert.equal(request.method, 'GET');
    assert.equal(request.url, 'https://h:5000/v2/a/b/tags/list?n=5&last=x%20y');
  });

  it('accepts every kind of manifest where it reads one', () => {
    for (const kind of ['manifest.get', 'manifest.head'] as const) {
      const { headers } = encode({ kind, repository: 'a', reference: '1' }, base);
      const accept = headerValue(headers, 'accept') ?? '';
      assert.match(accept, /oci\.image\.index/);
      assert.match(accept, /docker\.distribution\.manifest\.v2/);
    }
  });

  it('forbids compression wherever there is something to read', () => {
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

  it('starts an upload with no body, and says so', () => {
    const request = encode({ kind: 'upload.start', repository: 'a' }, base);
    assert.equal(request.body, undefined);
    assert.equal(headerValue(request.headers, 'content-length'), '0');
    assert.equal(request.replay, 'never');
  });

  it('may bring the whole blob with the start', () => {
    const request = encode({ kind: 'upload.start', repository: 'a', digest }, base, { body });
    assert.equal(request.body, body);
    assert.equal(headerValue(request.headers, 'content-length'), '12');
    assert.equal(headerValue(request.headers, 'content-type'), 'application/octet-stream');
  });

  it('asks for a part of a blob', () => {
    const { headers } = encode({ kind: 'blob.get', repository: 'a', digest }, base, { range: { from: 5 } });
    assert.equal(headerValue(headers, 'range'), 'bytes=5-');
  });

  it('brings a manifest with its type and length', () => {
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

  it('can not be sent again when its body can not', () => {
    const put = { kind: 'manifest.put', repository: 'a', reference: '1', tags: [] } as const;
    assert.equal(encode(put, base, { body: stream }).replay, 'never');
  });

  it('can be sent again when it only reads or deletes', () => {
    for (const kind of ['blob.get', 'blob.head', 'blob.delete'] as const) {
      assert.equal(encode({ kind, repository: 'a', digest }, base).replay, 'safe');
    }
  });
});

describe('a step of an upload', () => {
  it('goes where the Location says, byte for byte', () => {
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

  it('brings a chunk and says where it belongs', () => {
    const request = uploadRequest({ kind: 'append', content: body, from: 100 }, '/u');
    assert.equal(request.method, 'PATCH');
    assert.equal(request.replay, 'never');
    assert.deepEqual(request.headers, {
      'content-type': ['application/octet-stream'],
      'content-length': ['12'],
      'content-range': ['100-111'],
    });
  });

  it('brings a stream of unknown length without a range', () => {
    const request = uploadRequest({ kind: 'append', content: stream, from: 0 }, '/u');
    assert.deepEqual(request.headers, { 'content-type': ['application/octet-stream'] });
  });

  it('closes with the last chunk or with nothing', () => {
    const last = uploadRequest({ kind: 'commit', digest, content: body }, '/u', { answerWithin: 5 });
    assert.equal(last.method, 'PUT');
    assert.equal(headerValue(last.headers, 'content-length'), '12');
    assert.equal(last.answerWithin, 5);
    const nothing = uploadRequest({ kind: 'commit', digest }, '/u');
    assert.deepEqual(nothing.headers, { 'content-length': ['0'] });
    assert.equal(nothing.body, undefined);
  });
});

describe('the digest of a Location', () => {
  it('begins the query or goes on with it', () => {
    const short = parseDigest('x+y:A=');
    assert.equal(withDigest('/u', short), '/u?digest=x%2By%3AA%3D');
    assert.equal(withDigest('/u?a=1', short), '/u?a=1&digest=x%2By%3AA%3D');
  });
});
