import assert from 'node:assert/strict';
import net from 'node:net';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../../test/at-end.ts';
import { listening } from '../../../test/listening.ts';
import { secret } from '../../../test/secret.ts';
import { isGantryError } from '../../errors.ts';
import { collect } from '../../flow/collect.ts';
import { bytesContent } from '../../flow/content.ts';
import type { HttpRequest } from '../../wire/message.ts';
import type { Transport } from '../transport.ts';
import { createNodeTransport, type NodeTransportOptions } from './transport.ts';

/** A server that answers the first bytes of each connection with `text`, and then sends nothing more. */
async function saying(test: TestContext, text: string): Promise<string> {
  const server = net.createServer((socket) => {
    socket.on('error', () => undefined).once('data', () => socket.write(text));
  });
  return `http://127.0.0.1:${await listening(test, server)}/v2/`;
}

function transport(test: TestContext, options?: NodeTransportOptions): Transport {
  const made = createNodeTransport(options);
  atEnd(test, () => made.close());
  return made;
}

const requests: Readonly<Record<string, Omit<HttpRequest, 'url'>>> = {
  GET: { method: 'GET', headers: {}, replay: 'safe' },
  HEAD: { method: 'HEAD', headers: {}, replay: 'safe' },
  POST: { method: 'POST', headers: { 'content-length': ['0'] }, replay: 'never' },
  PUT: { method: 'PUT', headers: {}, replay: 'never', body: bytesContent(new Uint8Array(100_000)) },
};

const final = 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n';
const interim = (status: string): string => `HTTP/1.1 ${status}\r\nLink: </a>\r\n\r\n`;
const switching = {
  'with an upgrade': 'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n',
  'with an upgrade and bytes of it':
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nmore',
  'without an upgrade': 'HTTP/1.1 101 Switching Protocols\r\n\r\n',
  'after other interim answers': `${interim('103 Early Hints')}HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\n`,
};

describe('switching-protocols: an unrequested answer with status 101', () => {
  for (const [how, text] of Object.entries(switching)) {
    for (const [method, request] of Object.entries(requests)) {
      it(`a 101 answer ${how} is an error for ${method}`, async (test) => {
        const url = await saying(test, text);
        const signature = secret('signature-101');
        await assert.rejects(
          transport(test).send({ ...request, url: `${url}?sig=${signature}` }),
          (error: unknown) => {
            assert.ok(isGantryError(error, 'UNEXPECTED_STATUS'), String(error));
            assert.equal(error.response?.status, 101);
            return !JSON.stringify(error).includes(signature);
          },
        );
      });
    }
  }
});

describe('interim answers', () => {
  const rows = {
    '100 Continue': interim('100 Continue'),
    '102 Processing': interim('102 Processing'),
    '103 Early Hints': interim('103 Early Hints'),
    '199 and no reason': interim('199'),
    'of all kinds, 900 of them': ['100 C', '102 P', '103 E', '150 X', '199 Y']
      .map((status) => interim(status))
      .join('')
      .repeat(180),
  };
  for (const [name, text] of Object.entries(rows)) {
    for (const [method, request] of Object.entries(requests)) {
      it(`interim answers are skipped for ${method}: ${name}`, async (test) => {
        const url = await saying(test, text + final);
        const { status, body } = await transport(test).send({ ...request, url });
        assert.equal(status, 200);
        assert.equal((await collect(body, { limit: 10, what: 'test body' })).byteLength, 0);
      });
    }
  }

  it('interim-without-end: more than 1000 interim answers are an error', async (test) => {
    const url = await saying(test, interim('103 Early Hints').repeat(1001));
    const request = { method: 'GET', headers: {}, replay: 'safe', url } as const;
    await assert.rejects(transport(test).send(request), { code: 'UNEXPECTED_ANSWER' });
  });

  it('an abort ends a request that receives interim answers', async (test) => {
    const url = await saying(test, interim('102 Processing'));
    const abort = new AbortController();
    const reason = new Error('enough');
    const sent = transport(test).send({
      method: 'GET',
      headers: {},
      replay: 'safe',
      url,
      signal: abort.signal,
    });
    abort.abort(reason);
    await assert.rejects(sent, (error) => error === reason);
  });
});

describe('the tunnel request to a proxy', () => {
  const answers = {
    'ends the connection without an answer': '',
    'switches protocols': switching['with an upgrade'],
    'answers with 102 only': interim('102 Processing'),
  };
  for (const [how, text] of Object.entries(answers)) {
    it(`the tunnel request fails when the proxy ${how}`, async (test) => {
      const server = net.createServer((socket) => {
        socket.on('error', () => undefined).once('data', () => socket.end(text));
      });
      const proxy = `http://127.0.0.1:${await listening(test, server)}`;
      const sent = transport(test, { proxy }).send({
        method: 'GET',
        headers: {},
        replay: 'safe',
        url: 'https://registry.example/v2/',
      });
      await assert.rejects(sent, { code: 'NO_CONNECTION' });
    });
  }

  it('proxy-drips: the tunnel request has a total time limit when the proxy answers one byte at a time', async (test) => {
    const server = net.createServer((socket) => {
      socket
        .on('error', () => undefined)
        .once('data', () => {
          const drip = setInterval(() => socket.write('x'), 5);
          socket.write('HTTP/1.1 200 OK\r\nX-Slow: ');
          socket.once('close', () => clearInterval(drip));
        });
    });
    const proxy = `http://127.0.0.1:${await listening(test, server)}`;
    const sent = transport(test, { proxy, connectWithin: 200 }).send({
      method: 'GET',
      headers: {},
      replay: 'safe',
      url: 'https://registry.example/v2/',
    });
    await assert.rejects(sent, { code: 'TIMED_OUT' });
  });
});
