import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createAccess } from '../../src/server/access/access.ts';
import { type AppOptions, createApp } from '../../src/server/app.ts';
import { asking, digestText, pushImage } from '../../src/server/ask.test.support.ts';
import { withHealth } from '../../src/server/health.ts';
import { createMetrics } from '../../src/server/metrics.ts';
import { dial } from '../../src/server/node/dial.test.support.ts';
import { type ListenOptions, listen } from '../../src/server/node/listen.ts';
import { createSessions } from '../../src/server/sessions.ts';
import { atEnd } from '../at-end.ts';
import { basicOf } from '../secret.ts';
import { loginOf, passwordOf } from './access-stage.ts';
import { statusOf } from './rows-stage.ts';

const blob = 'whatever a web page likes';
const digest = digestText(blob);

interface Scene {
  readonly port: number;
  readonly ask: ReturnType<typeof asking>;
  readonly raw: (line: string, headers: readonly string[], body?: string) => Promise<string>;
  /** Returns the number of open sessions. */
  readonly sessions: () => number;
}

async function scene(test: TestContext, app: AppOptions, options: ListenOptions = {}): Promise<Scene> {
  const sessions = createSessions();
  const serve = createApp(createMemoryRegistry(), { ...app, sessions });
  const listener = await listen(withHealth(serve, { metrics: createMetrics() }), options);
  atEnd(test, () => listener.close({ grace: 0 }));
  const { port } = listener;
  return {
    port,
    ask: asking(serve),
    sessions: sessions.count,
    async raw(line, headers, body = '') {
      const { socket, read } = await dial(test, port);
      const host = headers.some((header) => header.startsWith('Host:')) ? [] : [`Host: 127.0.0.1:${port}`];
      const length = body === '' ? [] : [`Content-Length: ${body.length}`];
      const lines = [`${line} HTTP/1.1`, ...host, 'Connection: close', ...length, ...headers];
      socket.write(`${lines.join('\r\n')}\r\n\r\n${body}`);
      return await read();
    },
  };
}

/** The headers that browsers add to requests of a page of http://evil.example. */
const marks: Readonly<Record<string, readonly string[]>> = {
  'fetch without cors': [
    'Origin: http://evil.example',
    'Sec-Fetch-Site: cross-site',
    'Sec-Fetch-Mode: no-cors',
  ],
  'fetch in a browser without Sec-Fetch': ['Origin: http://evil.example', 'Content-Type: text/plain'],
  'an image': ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: no-cors', 'Sec-Fetch-Dest: image'],
  'a form': ['Origin: http://evil.example', 'Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate'],
  'a form of a page that hides itself': ['Origin: null', 'Content-Type: application/x-www-form-urlencoded'],
  'a link': ['Sec-Fetch-Site: cross-site', 'Sec-Fetch-Mode: navigate', 'Sec-Fetch-Dest: document'],
  'a sandboxed frame': ['Origin: null', 'Sec-Fetch-Site: cross-site'],
  'another port of this machine': ['Origin: http://127.0.0.1:3000', 'Sec-Fetch-Site: same-site'],
  'another name of this machine': ['Origin: http://localhost:1', 'Sec-Fetch-Site: cross-site'],
  'an extension': ['Origin: chrome-extension://abcdefgh'],
  'a file': ['Origin: file://'],
  'two origins': ['Origin: http://127.0.0.1', 'Origin: http://evil.example'],
  'an origin that begins alike': ['Origin: http://127.0.0.1.evil.example'],
  'an origin with a user': ['Origin: http://127.0.0.1@evil.example'],
  'a site nobody knows': ['Sec-Fetch-Site: whatever'],
  'a redirect through elsewhere': ['Origin: http://HOST', 'Sec-Fetch-Site: cross-site'],
};

const requests: readonly (readonly [line: string, body: string])[] = [
  [`POST /v2/app/blobs/uploads/?digest=${digest}`, blob],
  ['POST /v2/app/blobs/uploads/', ''],
  [`POST /v2/app/blobs/uploads/?mount=${digest}`, ''],
  ['PUT /v2/app/manifests/v2', '{}'],
  ['DELETE /v2/app/manifests/v1', ''],
  ['GET /v2/app/manifests/v1', ''],
  ['GET /v2/app/manifests/none', ''],
  ['HEAD /v2/_catalog', ''],
  ['GET /metrics', ''],
  ['GET /v2/token', ''],
];

const open: AppOptions = {};
const guarded = (): AppOptions => ({ access: createAccess({ login: loginOf(['alice']) }) });

describe('a web page of another origin', () => {
  for (const [name, headers] of Object.entries(marks)) {
    it(`web-page-post: a request of a web page by ${name} changes and reveals nothing`, async (test) => {
      const { port, ask, raw, sessions } = await scene(test, open);
      await pushImage(ask, 'app', 'v1');
      const said = headers.map((header) => header.replace('HOST', `127.0.0.1:${port}`));
      for (const [line, body] of requests) {
        const answer = await raw(line, said, body);
        assert.equal(statusOf(answer), 403, `${line}: ${answer}`);
      }
      assert.equal(sessions(), 0);
      assert.equal((await ask('HEAD', `/v2/app/blobs/${digest}`)).status, 404);
      assert.equal((await ask('HEAD', '/v2/app/manifests/v1')).status, 200);
      assert.equal((await ask('HEAD', '/v2/app/manifests/v2')).status, 404);
    });
  }

  it('web-page-post: a request of a web page is refused although the browser sends a stored password', async (test) => {
    const { ask, raw, sessions } = await scene(test, guarded());
    const authorization = basicOf('alice', passwordOf('alice'));
    for (const [name, headers] of Object.entries(marks)) {
      const said = [`Authorization: ${authorization}`, ...headers];
      assert.equal(
        statusOf(await raw(`POST /v2/app/blobs/uploads/?digest=${digest}`, said, blob)),
        403,
        name,
      );
    }
    assert.equal(sessions(), 0);
    const answer = await ask('HEAD', `/v2/app/blobs/${digest}`, { headers: { authorization } });
    assert.equal(answer.status, 404);
  });

  it('web-page-post: a preflight of a web page is refused, also one for the private network', async (test) => {
    const { raw } = await scene(test, open);
    const answer = await raw('OPTIONS /v2/app/manifests/v1', [
      'Origin: http://evil.example',
      'Access-Control-Request-Method: PUT',
      'Access-Control-Request-Private-Network: true',
    ]);
    assert.equal(statusOf(answer), 403);
    assert.doesNotMatch(answer, /access-control/i);
  });

  it('web-page-post: a web page cannot open a WebSocket', async (test) => {
    const { raw } = await scene(test, open);
    const answer = await raw('GET /v2/', [
      'Origin: http://evil.example',
      'Upgrade: websocket',
      'Connection: Upgrade',
      'Sec-WebSocket-Version: 13',
      `Sec-WebSocket-Key: ${Buffer.from('sixteen bytes...').toString('base64')}`,
    ]);
    assert.equal(statusOf(answer), 403);
  });

  it('web-page-post: a page whose name resolves to the registry does not count as its own, if clients need no login', async (test) => {
    const { port, raw } = await scene(test, open, { host: '0.0.0.0', anonymous: true });
    const own = (name: string) => [`Host: ${name}:${port}`, `Origin: http://${name}:${port}`];
    assert.equal(statusOf(await raw('POST /v2/app/blobs/uploads/', own('evil.example'))), 403);
    assert.equal(statusOf(await raw('POST /v2/app/blobs/uploads/', own('127.0.0.1'))), 202);
    // A program may use any host name.
    assert.equal(statusOf(await raw('POST /v2/app/blobs/uploads/', ['Host: registry.example'])), 202);
  });
});

describe('a registry beside programs and web pages', () => {
  const rows: readonly (readonly [name: string, headers: readonly string[]])[] = [
    ['a user who typed the address', ['Sec-Fetch-Site: none', 'Sec-Fetch-Mode: navigate']],
    ['a page of the registry itself', ['Origin: http://HOST', 'Sec-Fetch-Site: same-origin']],
    ['a page of the registry itself, without an Origin', ['Sec-Fetch-Site: same-origin']],
    ['a page of a host in the options', ['Origin: https://ui.example', 'Sec-Fetch-Site: cross-site']],
    ['the fetch of Node', ['Sec-Fetch-Mode: cors']],
  ];
  for (const [name, headers] of rows) {
    it(`web-page-post: a request of ${name} is served`, async (test) => {
      const { port, raw } = await scene(test, open, { hosts: ['UI.example'] });
      const said = headers.map((header) => header.replace('HOST', `127.0.0.1:${port}`));
      assert.equal(statusOf(await raw('GET /v2/', said)), 200);
      assert.equal(statusOf(await raw('POST /v2/app/blobs/uploads/', said)), 202);
    });
  }

  it('web-page-post: a registry with logins serves its own pages behind a proxy that speaks TLS', async (test) => {
    const { raw } = await scene(test, guarded());
    const said = [
      'Host: registry.example',
      'Origin: https://registry.example',
      'Sec-Fetch-Site: same-origin',
    ];
    assert.equal(statusOf(await raw('GET /v2/', said)), 401);
  });

  it('lan-name: the refusal of an unknown host name says how to allow it', async (test) => {
    const { raw } = await scene(test, open);
    const answer = await raw('GET /v2/', ['Host: evil.local']);
    assert.equal(statusOf(answer), 421);
    assert.match(answer, /--host-name/);
    assert.doesNotMatch(answer, /evil/);
  });
});
