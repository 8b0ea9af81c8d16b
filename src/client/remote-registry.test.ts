import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { createApp } from '../server/app.ts';
import { blobOf, give, listOf } from '../testing/contract/sample.ts';
import { startRegistry } from '../testing/start-registry.ts';
import type { HttpRequest, Send } from '../wire/message.ts';
import { createRemoteRegistry } from './remote-registry.ts';

const intent = { actions: ['pull', 'push'] } as const;

describe('a registry over HTTP without a send of the caller', () => {
  it('the registry logs in with its keychain', async () => {
    const login = { users: { alice: secret('remote-registry-password') } };
    await using server = await startRegistry({ login });
    const credential = { kind: 'basic', username: 'alice', password: login.users.alice } as const;
    await using registry = createRemoteRegistry({ base: server.url, keychain: async () => credential });
    const blob = blobOf('logged in');
    await give(registry.repository('acme/app', intent), blob);
    assert.deepEqual(await listOf(registry.repositories()), ['acme/app']);

    await using stranger = createRemoteRegistry({ base: server.url, keychain: async () => undefined });
    await assert.rejects(listOf(stranger.repositories()), (error) => isGantryError(error, 'UNAUTHORIZED'));
  });

  it('the registry retries and follows redirects', async () => {
    const app = createApp(createMemoryRegistry());
    const seen: HttpRequest[] = [];
    const transport: Send = async (request) => {
      seen.push(request);
      if (seen.length === 1) return { status: 503, headers: {}, body: (async function* () {})() };
      if (!request.url.includes('moved')) {
        const location = [request.url.replace('registry.example', 'moved.registry.example')];
        return { status: 307, headers: { location }, body: (async function* () {})() };
      }
      return app(request);
    };
    await using registry = createRemoteRegistry({
      base: 'registry.example',
      transport,
      keychain: async () => undefined,
      retry: { attempts: 2, initial: 1 },
    });
    assert.deepEqual(await listOf(registry.repositories()), []);
    assert.deepEqual(
      seen.map(({ url }) => new URL(url).host),
      ['registry.example', 'registry.example', 'moved.registry.example'],
    );
  });

  it('a second close() does nothing', async () => {
    const registry = createRemoteRegistry({ base: 'https://registry.example' });
    await registry.close();
    await registry.close();
  });

  it('a base with a path is refused', () => {
    assert.throws(
      () => createRemoteRegistry({ base: 'https://registry.example/path' }),
      (error) => isGantryError(error, 'INVALID_REFERENCE'),
    );
  });
});

describe('a registry over HTTP with a send of the caller', () => {
  it('an option of connections beside send is refused by its name', () => {
    const options = { base: 'https://registry.example', send: createApp(createMemoryRegistry()) };
    assert.throws(
      () => createRemoteRegistry({ ...options, retry: {} }),
      (error) => isGantryError(error, 'INVALID_OPTION') && error.message.includes('"retry"'),
    );
    assert.equal(createRemoteRegistry(options).repository('a').name, 'a');
  });
});
