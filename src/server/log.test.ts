import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import type { Exchange } from './exchange.ts';
import { formatExchange } from './log.ts';

const exchange: Exchange = {
  method: 'GET',
  target: '/v2/',
  status: 200,
  whole: true,
  startedAt: new Date(0),
  duration: 1.26,
  received: 0,
  sent: 2,
  note: { operation: 'ping' },
};

function logged(fields: Partial<Exchange>): Readonly<Record<string, unknown>> {
  return JSON.parse(formatExchange({ ...exchange, ...fields }));
}

describe('a line of the access log', () => {
  it('a line of the log has the user, the request and the result', () => {
    const line = logged({
      remoteAddress: '127.0.0.1',
      userAgent: 'docker/27',
      note: { operation: 'ping', user: 'ann' },
    });
    assert.deepEqual(line, {
      time: '1970-01-01T00:00:00.000Z',
      remote: '127.0.0.1',
      user: 'ann',
      method: 'GET',
      path: '/v2/',
      operation: 'ping',
      status: 200,
      received: 0,
      sent: 2,
      milliseconds: 1.3,
      agent: 'docker/27',
    });
  });

  it('a line of the log says that there was no response, or only a part of one', () => {
    const { status: _, ...unanswered } = exchange;
    const line: Readonly<Record<string, unknown>> = JSON.parse(
      formatExchange({ ...unanswered, whole: false }),
    );
    assert.equal('status' in line, false);
    assert.equal(line['cut'], true);
  });

  const paths: readonly [name: string, target: string, path: string][] = [
    ['keeps the parameters of the protocol', '/v2/a/tags/list?n=5&last=v1', '/v2/a/tags/list?n=5&last=v1'],
    [
      'hides other parameters',
      `/v2/?token=${secret('query')}&_state=${secret('state')}`,
      '/v2/?token=***&_state=***',
    ],
    [
      "hides most of an upload's id",
      '/v2/a/blobs/uploads/abcdefghijkl?digest=sha256:1',
      '/v2/a/blobs/uploads/abcdefgh***?digest=sha256:1',
    ],
    ['hides a password in an absolute address', `http://u:${secret('address')}@h/v2/`, 'http://h/v2/'],
  ];
  for (const [name, target, path] of paths) {
    it(`a line of the log ${name}`, () => assert.equal(logged({ target })['path'], path));
  }

  it('a line of the log is one line of bounded length, for any text from a client', () => {
    const line = formatExchange({
      ...exchange,
      target: `/${'x'.repeat(100_000)}`,
      userAgent: `\u0085\u2028\u001b[31m${'y'.repeat(100_000)}`,
    });
    assert.ok(line.length < 3_000);
    assert.doesNotMatch(line, /[^\x20-\x7e]/);
    JSON.parse(line);
  });
});
