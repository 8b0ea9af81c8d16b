import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { describe, it } from 'node:test';
import { createNetwork } from '../../bench/network.ts';
import { type RequestLine, requestReader } from '../../bench/requests.ts';
import { listening } from '../listening.ts';

const get = 'GET /a HTTP/1.1\r\nHost: x\r\n\r\n';
const put = 'PUT /b HTTP/1.1\r\nContent-Length: 5\r\n\r\n\r\n\r\nG';
const chunked =
  'PATCH /c HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nGET\r\n0\r\nTrailer: t\r\n\r\n';

const rows: readonly { readonly name: string; readonly bytes: string; readonly read: readonly string[] }[] = [
  { name: 'a request without a body', bytes: get, read: ['GET /a'] },
  { name: 'a body of a length, which looks like an end', bytes: put, read: ['PUT /b'] },
  { name: 'a body in chunks, with a trailer', bytes: chunked, read: ['PATCH /c'] },
  {
    name: 'several on one connection',
    bytes: put + chunked + get + chunked + put,
    read: ['PUT /b', 'PATCH /c', 'GET /a', 'PATCH /c', 'PUT /b'],
  },
];

describe('the reader of requests', () => {
  for (const { name, bytes, read } of rows) {
    it(`the reader of requests reads ${name}, wherever the bytes are cut`, () => {
      for (let cut = 0; cut <= bytes.length; cut++) {
        const lines: RequestLine[] = [];
        const reader = requestReader((line) => lines.push(line));
        reader(Buffer.from(bytes.slice(0, cut)));
        reader(Buffer.from(bytes.slice(cut)));
        assert.deepEqual(
          lines.map(({ method, url }) => `${method} ${url}`),
          read,
          `cut at ${cut}`,
        );
      }
    });
  }
});

describe('the network of the bench', () => {
  for (const [name, shape, depth] of [
    ['as fast as can be', {}, false],
    ['far and slow', { rtt: 4, bandwidth: 2_000_000 }, false],
    ['that answers in rounds', {}, true],
  ] as const) {
    it(`the network carries every byte and counts them, ${name}`, async (test) => {
      const answer = Buffer.alloc(100_000, 'answer');
      const server = createServer((request, response) => {
        request.resume().on('end', () => response.end(answer));
      });
      const host = `127.0.0.1:${await listening(test, server)}`;
      await using network = createNetwork(shape, { depth });
      const url = `http://${await network.front(host)}/`;
      for (let time = 0; time < 2; time++) {
        const response = await fetch(url, { method: 'POST', body: answer });
        assert.deepEqual(Buffer.from(await response.arrayBuffer()), answer);
      }
      const traffic = network.take();
      assert.equal(traffic.requests, 2);
      assert.equal(traffic.depth, depth ? 2 : undefined);
      assert.ok(traffic.sent > 200_000 && traffic.received > 200_000);
      assert.equal(network.take().requests, 0);
    });
  }
});
