import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { startFakeDaemon } from '../../bench/support/fake-daemon.ts';
import { atEnd } from '../../test/at-end.ts';
import { makeImage, makeIndex } from '../../test/cli/images.ts';
import { folder } from '../../test/folder.ts';
import { copyImage } from '../copy/copy.ts';
import type { Image } from '../image/image.ts';
import type { Index } from '../image/image-index.ts';
import { imageSource } from '../image/source.ts';
import { failsWith } from '../testing/contract/sample.ts';
import { createManualClock } from '../time/clock.test.support.ts';
import { openDaemon } from './daemon.ts';
import { openEngine } from './engine.ts';

/** Answers every request on a socket file. Returns the address. */
async function answering(test: TestContext, listener: RequestListener): Promise<string> {
  const path = join(await folder(test), 'docker.sock');
  const open = new Set<Socket>();
  const server = createServer(listener);
  server.on('connection', (socket: Socket) => open.add(socket));
  server.listen(path);
  await once(server, 'listening');
  atEnd(test, () => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  return `unix://${path}`;
}

describe('openDaemon', () => {
  it('finds the daemon by the given variables, and says which it is.', async (test) => {
    for (const store of ['containerd', 'classic'] as const) {
      const fake = await startFakeDaemon(await folder(test), { store, machine: 'aarch64' });
      atEnd(test, () => fake[Symbol.asyncDispose]());
      await using daemon = await openDaemon({ env: { DOCKER_HOST: fake.host } });
      assert.equal(daemon.host, fake.host);
      const platform = { os: 'linux', architecture: 'arm64' };
      assert.deepEqual(await daemon.facts(), { engine: 'docker', apiVersion: '1.52', store, platform });
      assert.deepEqual(fake.requests, ['GET /_ping', 'GET /v1.52/info']);
    }
  });

  it('tells its requests to onWire, and sends the given user agent.', async (test) => {
    const agents = new Set<string | undefined>();
    const host = await answering(test, (request, response) => {
      agents.add(request.headers['user-agent']);
      response
        .setHeader('Api-Version', '1.44')
        .end(JSON.stringify({ OSType: 'linux', Architecture: 'armv7l' }));
    });
    const told: string[] = [];
    await using daemon = await openDaemon({
      host,
      userAgent: 'acme/1',
      onWire: (event) => {
        if (event.kind === 'request') told.push(`${event.method} ${event.url}`);
      },
    });
    const { platform } = await daemon.facts();
    assert.deepEqual(platform, { os: 'linux', architecture: 'arm', variant: 'v7' });
    assert.deepEqual(told, ['GET http://docker/_ping', 'GET http://docker/v1.44/info']);
    assert.deepEqual([...agents], ['acme/1']);
  });

  it('takes an answer that a daemon never gives for none of a daemon.', async (test) => {
    for (const answer of ['<html></html>', '{}', '[]', 'null']) {
      const host = await answering(test, (_, response) => response.end(answer));
      await using daemon = await openDaemon({ host });
      await failsWith(daemon.facts(), 'UNEXPECTED_ANSWER');
    }
  });

  it('ends the silence of a daemon, and names it.', async (test) => {
    const host = await answering(test, () => undefined);
    const clock = createManualClock();
    const engine = await openEngine({ host, answer: 5000, clock });
    atEnd(test, () => engine[Symbol.asyncDispose]());
    const asked = engine.facts();
    asked.catch(() => undefined);
    await clock.waiting();
    await clock.advance(5000);
    await assert.rejects(asked, /docker\.sock.*5 s/);
  });

  it('tells the progress of loading: the bytes that the daemon reports, and all of them at the end.', async (test) => {
    const fake = await startFakeDaemon(await folder(test));
    atEnd(test, () => fake[Symbol.asyncDispose]());
    await using daemon = await openDaemon({ host: fake.host });
    const figures: (readonly [number, number])[] = [];
    await using load = await daemon.load('app', {
      onWork: ({ work, done, total }) => {
        if (work === 'write') figures.push([done, total]);
      },
    });
    const { repository, root } = await imageSource(await makeImage('one'));
    await copyImage(repository, root.digest, load, { tags: ['1'] });
    await load.commit();
    const total = figures[0]?.[1] ?? 0;
    assert.ok(total > 1);
    // The fake reports one byte.
    assert.deepEqual(figures, [
      [0, total],
      [1, total],
      [total, total],
    ]);
  });

  it('says that an image is absent, also for a malformed or empty name.', async (test) => {
    const fake = await startFakeDaemon(await folder(test));
    atEnd(test, () => fake[Symbol.asyncDispose]());
    await using daemon = await openDaemon({ host: fake.host });
    await failsWith(daemon.image('nothing'), 'MANIFEST_UNKNOWN');
    await failsWith(daemon.image('No Thing'), 'INVALID_REFERENCE');
    await failsWith(daemon.load('app:1'), 'INVALID_REFERENCE');
  });
});

describe('a load into a daemon', () => {
  it('takes one root, no artifact, and an index only if the daemon keeps several platforms.', async (test) => {
    for (const store of ['containerd', 'classic'] as const) {
      const fake = await startFakeDaemon(await folder(test), { store });
      atEnd(test, () => fake[Symbol.asyncDispose]());
      await using daemon = await openDaemon({ host: fake.host });
      await using load = await daemon.load('app');
      const admit = async (view: Image | Index, tags: readonly string[] = ['1']): Promise<void> => {
        const { repository, root } = await imageSource(view);
        load.admit?.(await repository.manifests.get(root.digest), tags);
      };
      const index = await makeIndex('many');
      if (store === 'classic') await failsWith(admit(index), 'UNSUPPORTED');
      await failsWith(admit(await makeImage('one'), ['a/b']), 'INVALID_REFERENCE');
      await admit(await makeImage('one'));
      await admit(await makeImage('one'), ['2']);
      await failsWith(admit(await makeImage('two')), 'UNSUPPORTED');
    }
  });
});
