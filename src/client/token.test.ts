import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { secret } from '../../test/secret.ts';
import { failsWith } from '../testing/contract/sample.ts';
import { type StartRegistryOptions, startRegistry, type TestRegistry } from '../testing/start-registry.ts';
import { type Client, createClient } from './client.ts';

const password = secret('token');

async function scene(
  test: TestContext,
  { users = { alice: password }, ...options }: { users?: Record<string, string> } & StartRegistryOptions = {},
): Promise<{ client: Client; registry: TestRegistry }> {
  const registry = await startRegistry({ login: { users: { alice: password } }, ...options });
  const client = createClient({
    keychain: async () =>
      users['alice'] === undefined
        ? undefined
        : { kind: 'basic', username: 'alice', password: users['alice'] },
    retry: { attempts: 1 },
  });
  atEnd(test, async () => {
    await client.close();
    await registry.close();
  });
  return { client, registry };
}

/** Returns the status of a start of an upload with a token. */
async function startWith(registry: TestRegistry, token: string): Promise<number> {
  const response = await fetch(`${registry.url}/v2/acme/app/blobs/uploads/`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
  });
  await response.arrayBuffer();
  return response.status;
}

describe('token', () => {
  it('a token for pushing starts an upload, and a token for pulling does not', async (test) => {
    const { client, registry } = await scene(test);
    const { token: pull } = await client.token(`${registry.host}/acme/app`);
    const { token: push } = await client.token(`${registry.host}/acme/app`, { push: true });
    assert.equal(await startWith(registry, push), 202);
    assert.equal(await startWith(registry, pull), 401);
  });

  it('a wrong password gets no token', async (test) => {
    const { client, registry } = await scene(test, { users: { alice: secret('wrong') } });
    await failsWith(client.token(`${registry.host}/acme/app`), 'UNAUTHORIZED');
  });

  it('a registry without a login has no token to give', async (test) => {
    const { client, registry } = await scene(test, { login: undefined });
    await failsWith(client.token(`${registry.host}/acme/app`), 'CHALLENGE_INVALID');
  });

  it('a token for a mount from another registry is refused before any request', async (test) => {
    const { client, registry } = await scene(test);
    const asking = client.token(`${registry.host}/acme/app`, { mountFrom: ['other.test/acme/base'] });
    await failsWith(asking, 'DENIED');
    assert.deepEqual(registry.requests, []);
  });

  it('a malformed source of a mount is refused before any request', async (test) => {
    const { client, registry } = await scene(test);
    const asking = client.token(`${registry.host}/acme/app`, { mountFrom: ['Not A Name'] });
    await failsWith(asking, 'NAME_INVALID', 'INVALID_REFERENCE');
    assert.deepEqual(registry.requests, []);
  });

  it('a client asks for a new token after the registry has ended the old one', async (test) => {
    const { client, registry } = await scene(test);
    const { token: one } = await client.token(`${registry.host}/acme/app`, { push: true });
    registry.expireTokens();
    assert.equal(await startWith(registry, one), 401);
    const { token: two } = await client.token(`${registry.host}/acme/app`, { push: true });
    assert.equal(await startWith(registry, two), 202);
  });
});
