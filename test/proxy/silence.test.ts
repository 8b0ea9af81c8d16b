import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import type { WireEvent } from '../../src/http/event.ts';
import type { Keychain } from '../../src/keychain/credential.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createApp } from '../../src/server/app.ts';
import type { Send } from '../../src/wire/message.ts';
import { gantry } from '../cli/gantry.ts';
import { makeImage } from '../cli/images.ts';
import { folder } from '../folder.ts';
import { listening } from '../listening.ts';
import { secret } from '../secret.ts';

const noConnection = 5;
const nobody: Keychain = async () => undefined;

describe('the connection of the command line to a registry', () => {
  it('a server that accepts connections and never answers ends a command with an error that names the host, after retries', async (test) => {
    let connections = 0;
    const server = net.createServer((socket) => {
      connections++;
      socket.resume();
    });
    const port = await listening(test, server);
    const { code, stderr } = await gantry(['digest', `localhost:${port}/a:b`, '--timeout', '1']);
    assert.equal(code, noConnection, stderr);
    assert.ok(stderr.includes(`localhost:${port}`));
    // Each of three attempts, and the request beside one that stays silent.
    assert.equal(connections, 6);
  });

  it('--timeout 0 is refused', async () => {
    assert.equal((await gantry(['digest', 'localhost:1/a:b', '--timeout', '0'])).code, 2);
  });

  it("docker's HttpHeaders go only to the registry that may have them, and -v does not show them", async (test) => {
    const seen: (string | string[] | undefined)[] = [];
    const server = http.createServer(({ headers }, response) => {
      seen.push(headers['x-secret']);
      response.writeHead(404, { 'ratelimit-limit': '100;w=60', 'ratelimit-remaining': '99;w=60' }).end();
    });
    const port = await listening(test, server);
    const docker = await folder(test);
    await mkdir(docker, { recursive: true });
    await writeFile(
      join(docker, 'config.json'),
      JSON.stringify({ HttpHeaders: { 'X-Secret': secret('of-docker') } }),
    );
    const ask = (...flags: readonly string[]) =>
      gantry(['digest', `localhost:${port}/a:b`, '-v', ...flags], { env: { DOCKER_CONFIG: docker } });

    await ask();
    await ask('--docker-headers', 'ghcr.io');
    assert.deepEqual([...new Set(seen.splice(0))], [undefined]);
    const { stderr } = await ask('--docker-headers', `localhost:${port}`);
    assert.deepEqual([...new Set(seen)], [secret('of-docker')]);
    assert.ok(!stderr.includes(secret('of-docker')), stderr);
    assert.match(stderr, /localhost:\d+: 99 of 100/);
  });
});

describe('the connection of the library to a registry', () => {
  it('the library reports the limits of a host as they change', async (test) => {
    let left = 7;
    const server = http.createServer((_, response) => {
      const remaining = `${Math.max(5, --left)};w=60`;
      response.writeHead(404, { 'ratelimit-limit': '100;w=60', 'ratelimit-remaining': remaining }).end();
    });
    const host = `localhost:${await listening(test, server)}`;
    const events: WireEvent[] = [];
    await using client = createClient({ onWire: (event) => events.push(event), keychain: nobody });
    for (let asked = 0; asked < 3; asked++) await client.exists(`${host}/a:b`);
    const limit = { kind: 'ratelimit', host, limit: 100, window: 60 };
    assert.deepEqual(
      events.filter(({ kind }) => kind === 'ratelimit'),
      [
        { ...limit, remaining: 6 },
        { ...limit, remaining: 5 },
      ],
    );
  });

  it('only the response to the end of an upload may take fifteen minutes', async () => {
    const patience: (readonly [method: string, within: number | undefined])[] = [];
    const app = createApp(createMemoryRegistry());
    const transport: Send = (request) => {
      patience.push([request.method, request.answerWithin]);
      return app(request);
    };
    await using client = createClient({ transport, keychain: nobody });
    await client.pushImage('registry.test/a:b', await makeImage('slow to be stored'));
    const uploads = patience.filter(([method, within]) => method === 'PUT' && within !== undefined);
    assert.deepEqual([...new Set(uploads.map(([, within]) => within))], [15 * 60_000]);
    assert.equal(patience.filter(([, within]) => within !== undefined).length, uploads.length);
    assert.equal(uploads.length, 2);
  });

  it('a Retry-After holds every client of the process for that host only', async (test) => {
    const seen: string[] = [];
    const busy = http.createServer(({ url = '' }, response) => {
      seen.push(url);
      response.writeHead(429, { 'retry-after': '60' }).end();
    });
    const idle = http.createServer((_, response) => response.writeHead(404).end());
    const host = `localhost:${await listening(test, busy)}`;
    const other = `localhost:${await listening(test, idle)}`;
    await using one = createClient({ retry: { attempts: 1 }, keychain: nobody });
    await using another = createClient({ retry: { attempts: 1 }, keychain: nobody });
    await assert.rejects(one.exists(`${host}/a:b`), { code: 'TOOMANYREQUESTS' });
    const enough = new AbortController();
    const held = assert.rejects(another.exists(`${host}/c:d`, { signal: enough.signal }), {
      name: 'AbortError',
    });
    // Places that the failure did not return would be missing for two requests to another host.
    for (const name of ['a', 'b']) assert.equal(await another.exists(`${other}/${name}:1`), false);
    enough.abort();
    await held;
    assert.deepEqual(seen, ['/v2/a/manifests/b']);
  });
});
