import assert from 'node:assert/strict';
import { readdir } from 'node:fs/promises';
import { describe, it } from 'node:test';
import { pushImage } from '../../src/server/ask.test.support.ts';
import { dial } from '../../src/server/node/dial.test.support.ts';
import { answersIn, assertDiscreet, closing, openDisk, serve, statusOf } from './rows-stage.ts';

const hex = 'a'.repeat(64);
const methods = ['GET', 'HEAD', 'PUT', 'POST', 'PATCH', 'DELETE'];

/** Paths out of the store, unchanged on the wire, since no parser has normalized them. */
const tricks = [
  '/v2/../../etc/passwd/tags/list',
  '/v2/a/../../../etc/tags/list',
  '/v2/%2e%2e/%2e%2e/etc/tags/list',
  '/v2/a%2f..%2f..%2fetc/tags/list',
  '/v2/a%5c..%5cetc/tags/list',
  '/v2/a\\..\\etc/tags/list',
  '/v2/..;/tags/list',
  '/v2//etc/passwd/tags/list',
  '/v2/a%00/tags/list',
  '/v2/a/manifests/..',
  '/v2/a/manifests/../../../etc/passwd',
  '/v2/a/manifests/%2e%2e',
  '/v2/a/manifests/..%2f..%2fsecret',
  `/v2/a/manifests/sha256:../../${hex}`,
  `/v2/a/manifests/../sha256:${hex}`,
  '/v2/a/blobs/sha256:../../../../etc/passwd',
  `/v2/a/blobs/sha256:..%2f${hex}`,
  `/v2/a/blobs/../x:${hex}`,
  `/v2/a/blobs/sha256/../sha256:${hex}`,
  `/v2/a/referrers/sha256:../${hex}`,
  '/v2/a/blobs/uploads/../../../secret',
  '/v2/a/blobs/uploads/..%2f..%2fsecret',
  // The ids of `../../../secret` and `/etc/passwd`.
  '/v2/a/blobs/uploads/Li4vLi4vLi4vc2VjcmV0',
  '/v2/a/blobs/uploads/L2V0Yy9wYXNzd2Q',
  '/v2/a/blobs/uploads/L2V0Yy9wYXNzd2Q?digest=sha256:../../x',
  `/v2/a/blobs/uploads/?mount=sha256:../../${hex}&from=../b`,
  '/v2/_gantry/tags/list',
  '/v2/a/_layout/tags/list',
  '/etc/passwd',
  '/v2/../healthz',
  '//etc/passwd',
];

describe('S1: no path leads out of the store', () => {
  for (const target of tricks) {
    it(`S1: no request for ${target} leads out of the store`, async (test) => {
      const { root, beside, registry } = await openDisk(test);
      const { raw } = await serve(test, { registry });
      for (const method of methods) {
        const answer = await raw(closing(`${method} ${target}`, ['Content-Length: 2'], '{}'));
        const status = statusOf(answer);
        assert.ok(status !== undefined && status >= 400 && status < 500, `${method}: ${answer}`);
        assertDiscreet(answer, root, beside);
      }
      assert.deepEqual(await readdir(beside), ['store']);
    });
  }

  it('S1: a mount with a malformed source starts an upload', async (test) => {
    const { registry } = await openDisk(test);
    const { ask } = await serve(test, { registry });
    for (const from of ['../b', '/etc', '..', 'A', '_gantry', '%2e%2e', '']) {
      const query = `mount=sha256:${hex}&from=${encodeURIComponent(from)}`;
      assert.equal((await ask('POST', `/v2/a/blobs/uploads/?${query}`)).status, 202, from);
    }
  });
});

describe('S2: a reference with a colon is a digest or nothing', () => {
  const references = [
    'sha256:bad',
    'sha256:',
    ':',
    `SHA256:${hex}`,
    `sha256:${hex}a`,
    `sha256:${hex.toUpperCase()}`,
  ];
  for (const reference of references) {
    it(`S2: ${reference} is no tag, and changes nothing`, async (test) => {
      const { root, registry } = await openDisk(test);
      const { raw } = await serve(test, { registry });
      for (const method of ['GET', 'PUT', 'DELETE']) {
        const answer = await raw(
          closing(`${method} /v2/a/manifests/${reference}`, ['Content-Length: 2'], '{}'),
        );
        assert.equal(statusOf(answer), 400, answer);
        assertDiscreet(answer, root);
      }
    });
  }
});

describe('S12: an answer names no host', () => {
  it('S12: Location and Link are paths without a host, for every Host header', async (test) => {
    const { raw, ask } = await serve(test, { limits: { pageNames: 1 } });
    await pushImage(ask, 'a', 'v1');
    await pushImage(ask, 'a', 'v2');
    const lies = [
      'X-Forwarded-Host: evil.example',
      'X-Forwarded-Proto: https',
      'Forwarded: host=evil.example',
    ];
    for (const line of ['POST /v2/a/blobs/uploads/', 'GET /v2/a/tags/list', 'GET /v2/_catalog']) {
      const answer = await raw(closing(line, [...lies, 'Content-Length: 0']));
      assert.ok(statusOf(answer) === 200 || statusOf(answer) === 202, answer);
      assert.doesNotMatch(answer, /evil|https?:/);
    }
    assert.match(await raw(closing('GET /v2/a/tags/list')), /link: <\/v2\/a\/tags\/list\?n=1&last=v1>/i);
  });
});

describe('S17: one request is one request', () => {
  const after = 'GET /v2/_catalog HTTP/1.1\r\nHost: localhost\r\n\r\n';
  const start = 'POST /v2/a/blobs/uploads/ HTTP/1.1\r\nHost: localhost\r\n';
  const shapes: readonly [name: string, text: string][] = [
    [
      'a length and chunks',
      `${start}Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n${after}`,
    ],
    [
      'chunks and a length',
      `${start}Transfer-Encoding: chunked\r\nContent-Length: 4\r\n\r\n0\r\n\r\n${after}`,
    ],
    ['two lengths', `${start}Content-Length: 0\r\nContent-Length: ${after.length}\r\n\r\n${after}`],
    ['a list of lengths', `${start}Content-Length: 0, 5\r\n\r\n${after}`],
    ['a signed length', `${start}Content-Length: +5\r\n\r\n${after}`],
    ['a length of hex', `${start}Content-Length: 0x5\r\n\r\n${after}`],
    [
      'an encoding that is not the last',
      `${start}Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n${after}`,
    ],
    ['an encoding nobody knows', `${start}Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n${after}`],
    ['a chunk size that is none', `${start}Transfer-Encoding: chunked\r\n\r\nxyz\r\n${after}`],
    ['a chunk size with a sign', `${start}Transfer-Encoding: chunked\r\n\r\n-1\r\n${after}`],
    [
      'a chunk size beyond counting',
      `${start}Transfer-Encoding: chunked\r\n\r\n${'f'.repeat(20)}\r\n${after}`,
    ],
    ['a chunk without its end', `${start}Transfer-Encoding: chunked\r\n\r\n1\r\nab0\r\n\r\n${after}`],
    ['a space before a colon', `${start}Content-Length : 5\r\n\r\n${after}`],
    ['a NUL in a header', `${start}X-A: \u0000\r\n\r\n${after}`],
    ['no version', `GET /v2/_catalog\r\n\r\n${after}`],
    ['another version', `GET /v2/ HTTP/9.9\r\nHost: h\r\n\r\n${after}`],
    ['no host', `GET /v2/ HTTP/1.1\r\n\r\n${after}`],
  ];
  for (const [name, text] of shapes) {
    it(`S17: ${name} ends the connection, and no request behind it is read`, async (test) => {
      const { raw } = await serve(test);
      const answer = await raw(text);
      assert.ok(answersIn(answer) <= 1, answer);
      assert.doesNotMatch(answer, /repositories/);
      assertDiscreet(answer);
    });
  }

  it('S17: a request for a whole URL is served by its path', async (test) => {
    const { raw } = await serve(test);
    assert.equal(statusOf(await raw(closing('GET http://evil.example/v2/'))), 200);
    assert.equal(statusOf(await raw(closing('GET http://evil.example/../v2/'))), 404);
    assert.equal(statusOf(await raw(closing('GET http://a:b@evil.example?/v2/'))), 404);
  });

  it('S17: other methods are refused', async (test) => {
    const { raw } = await serve(test);
    for (const method of ['OPTIONS', 'TRACE', 'PROPFIND', 'LINK', 'QUERY']) {
      const answer = await raw(closing(`${method} /v2/a/tags/list`, ['X-Secret: 1']));
      assert.ok([400, 405].includes(statusOf(answer) ?? 0), answer);
      assert.doesNotMatch(answer, /X-Secret/i);
    }
    assert.equal(answersIn(await raw('CONNECT evil.example:443 HTTP/1.1\r\nHost: evil.example\r\n\r\n')), 0);
    assert.equal(statusOf(await raw(closing('OPTIONS *'))), 404);
  });

  it('S17: a response allows no other origin to read it, and sets no cookie', async (test) => {
    const { raw, ask } = await serve(test);
    await pushImage(ask, 'a', 'v1');
    const origin = ['Origin: https://evil.example', 'Cookie: a=b', 'Access-Control-Request-Method: PUT'];
    for (const line of [
      'OPTIONS /v2/a/manifests/v1',
      'GET /v2/a/manifests/v1',
      'POST /v2/a/blobs/uploads/',
      'GET /v2/',
    ]) {
      assert.doesNotMatch(await raw(closing(line, origin)), /access-control|set-cookie/i);
    }
  });

  it('S17: a request for the name of another host is refused', async (test) => {
    const { raw } = await serve(test);
    for (const host of ['evil.example', 'localhost.evil.example', '127.0.0.1.evil.example:80']) {
      const text = `GET /v2/_catalog HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      assert.equal(statusOf(await raw(text)), 421);
    }
  });

  it('S17: pipelined requests are answered in order', async (test) => {
    const { port } = await serve(test);
    const { socket, read } = await dial(test, port);
    socket.write(`GET /v2/ HTTP/1.1\r\nHost: localhost\r\n\r\n${closing('GET /v2/_catalog')}`);
    const text = await read(/repositories/);
    assert.equal(answersIn(text), 2);
  });
});
