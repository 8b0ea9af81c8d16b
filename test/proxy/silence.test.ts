import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import http from 'node:http';
import net, { type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { folder, gantry } from '../cli/gantry.ts';
import { secret } from '../secret.ts';
import { portOf } from '../tls/front.ts';

const noConnection = 5;

describe('the way to a registry on the command line', () => {
  it('ends in an error with the host after retries when the far side takes connections and never answers', async (test) => {
    const open = new Set<Socket>();
    const server = net.createServer((socket) => open.add(socket.resume()));
    const port = await listening(test, server);
    test.after(() => {
      for (const socket of open) socket.destroy();
    });
    const { code, stderr } = await gantry(['digest', `localhost:${port}/a:b`, '--timeout', '1']);
    assert.equal(code, noConnection, stderr);
    assert.ok(stderr.includes(`localhost:${port}`));
    assert.equal(open.size, 3);
  });

  it('refuses a timeout of nothing', async () => {
    assert.equal((await gantry(['digest', 'localhost:1/a:b', '--timeout', '0'])).code, 2);
  });

  it("shows docker's HttpHeaders to the registry that may have them, to no other, and not with -v", async (test) => {
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

async function listening(test: TestContext, server: net.Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  test.after(() => server.close());
  return portOf(server.address());
}
