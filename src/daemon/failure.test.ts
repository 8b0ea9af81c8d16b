import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type GantryError, TransportError } from '../errors.ts';
import type { Endpoint } from './endpoint.ts';
import { failureIn, refused, unreachable } from './failure.ts';

const doing = { method: 'POST', path: '/images/load', doing: 'load the image' };

function refusal(status: number, body: string): Promise<GantryError> {
  const bytes = (async function* () {
    yield new TextEncoder().encode(body);
  })();
  return refused('the daemon', doing, { status, headers: {}, body: bytes });
}

describe('the error for an answer in which a daemon refuses', () => {
  for (const [name, status, body, code, words] of [
    ['a missing image', 404, '{"message":"No such image: app"}', 'NAME_UNKNOWN', 'No such image: app'],
    [
      'a login at a proxy before it',
      401,
      'Authorization Required\nby nginx',
      'DENIED',
      'Authorization Required',
    ],
    ['a plugin that forbids the request', 403, '{"message":"not for you"}', 'DENIED', 'not for you'],
    ['a wrong request', 400, '{"message":"bad tar"}', 'UNEXPECTED_STATUS', 'bad tar'],
    [
      'a failure in podman’s form',
      500,
      '{"cause":"c","message":"no space","response":500}',
      'UNEXPECTED_STATUS',
      'no space',
    ],
    ['a web page', 502, '<html><body>Bad Gateway</body></html>', 'UNEXPECTED_STATUS', ''],
    ['no words', 500, '', 'UNEXPECTED_STATUS', ''],
    ['words without an end', 500, 'x'.repeat(70_000), 'UNEXPECTED_STATUS', ''],
    ['many words', 500, 'x'.repeat(2_000), 'UNEXPECTED_STATUS', `${'x'.repeat(1000)}…`],
  ] as const) {
    it(`${name}: ${code}, with its words and the request`, async () => {
      const error = await refusal(status, body);
      assert.equal(error.code, code);
      assert.equal(
        error.message,
        `the daemon refuses to load the image: ${words === '' ? `status ${status}` : words}`,
      );
      assert.deepEqual(error.response, {
        method: 'POST',
        url: '/images/load',
        status,
        errors: words === '' ? [] : [{ code: 'UNKNOWN', message: words }],
      });
    });
  }

  for (const [age, advice] of [
    ['new', 'update the daemon'],
    ['old', 'update gantry'],
  ] as const) {
    it(`a client that is too ${age} for the daemon is UNSUPPORTED, with the side to update`, async () => {
      const words = `client version 1.99 is too ${age}. Supported API version is 1.40`;
      const error = await refusal(400, JSON.stringify({ message: words }));
      assert.equal(error.code, 'UNSUPPORTED');
      assert.ok(error.message.endsWith(`${words}; ${advice}`), error.message);
    });
  }
});

const lost = (code: string): TransportError =>
  new TransportError('NO_CONNECTION', 'no connection', {
    cause: Object.assign(new Error(code), { code, syscall: 'connect' }),
  });

describe('the error for a daemon that cannot be reached', () => {
  const socket: Endpoint = {
    host: 'unix:///run/docker.sock',
    setting: 'DOCKER_HOST',
    socket: '/run/docker.sock',
    base: 'http://docker',
  };
  const port: Endpoint = {
    host: 'tcp://build:2375',
    setting: 'the context "build"',
    base: 'http://build:2375',
  };

  for (const [endpoint, system, code, next] of [
    [socket, 'EACCES', 'NO_PERMISSION', /member of the group.*rootless/],
    [socket, 'EPERM', 'NO_PERMISSION', /member of the group/],
    [
      socket,
      'ENOENT',
      'NO_CONNECTION',
      /socket does not exist; start docker or podman, or correct DOCKER_HOST/,
    ],
    [socket, 'ECONNREFUSED', 'NO_CONNECTION', /no docker daemon listens.*or correct DOCKER_HOST/],
    [port, 'ECONNREFUSED', 'NO_CONNECTION', /no docker daemon listens.*or set DOCKER_HOST/],
    [port, 'EACCES', 'NO_CONNECTION', /does not answer: no connection/],
    [port, 'EHOSTUNREACH', 'NO_CONNECTION', /does not answer: no connection/],
  ] as const) {
    it(`${system} at ${endpoint.host}: ${code}, with the setting and the next step`, () => {
      assert.throws(
        () => unreachable(endpoint, lost(system)),
        (error: GantryError) => {
          assert.equal(error.code, code);
          assert.match(error.message, next);
          assert.ok(error.message.includes(`${endpoint.host} (${endpoint.setting})`));
          return true;
        },
      );
    });
  }

  it('keeps the code of the failure, and passes another error on as it is', () => {
    const late = new TransportError('TIMED_OUT', 'no answer');
    assert.throws(() => unreachable(socket, late), { code: 'TIMED_OUT', cause: late });
    const reason = new Error('the user left');
    assert.throws(
      () => unreachable(socket, reason),
      (error) => error === reason,
    );
  });
});

it('a failure is found in docker’s and podman’s form, and in no other text', () => {
  for (const [text, words] of [
    ['{"errorDetail":{"message":"first"},"error":"second","message":"third"}', 'first'],
    ['{"errorDetail":{"message":""},"error":"second"}', 'second'],
    ['{"message":"third"}', 'third'],
    ['{"message":3}', undefined],
    ['"message"', undefined],
    ['null', undefined],
    ['plain words', undefined],
  ] as const) {
    assert.equal(failureIn(text), words);
  }
});
