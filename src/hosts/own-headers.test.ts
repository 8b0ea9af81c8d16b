import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret, withoutSecrets } from '../../test/secret.ts';
import { createConnections } from '../client/connections.ts';
import { isGantryError } from '../errors.ts';
import { emptyContent } from '../flow/content.ts';
import type { WireEvent } from '../http/event.ts';
import { emptyConfig } from '../testing/contract/sample.ts';
import type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import { ownHeaders } from './own-headers.ts';

const home = 'https://registry.example';

function answer(status: number, headers: HttpResponse['headers'] = {}): HttpResponse {
  return { status, headers, body: emptyContent.open() };
}

const echoing: Send = async ({ headers }) => answer(404, { 'x-echo': headers['x-own'] ?? [] });

describe('headers for one registry', () => {
  it('the headers of a registry go to its origin, and neither to its token service nor to the target of a redirect', async () => {
    const seen: HttpRequest[] = [];
    const transport: Send = async (request) => {
      seen.push(request);
      const { url, headers } = request;
      if (url.startsWith('https://auth.registry.example')) return answer(500);
      if (url.startsWith('https://cdn.example')) return answer(404);
      if (url.includes('tags'))
        return answer(401, { 'www-authenticate': ['Bearer realm="https://auth.registry.example/"'] });
      return answer(307, { location: ['https://cdn.example/x'], 'x-echo': headers['x-own'] ?? [] });
    };
    const headers = { 'registry.example': { 'X-Own': secret('own-header') } };
    await using connections = createConnections({
      transport,
      headers,
      retry: { attempts: 1 },
      keychain: async () => undefined,
    });
    for (const registry of ['registry.example', 'other.example']) {
      const { tags, manifests } = connections.registry({ registry }).repository('a', { actions: ['pull'] });
      await assert.rejects(manifests.get('x'));
      await assert.rejects(async () => {
        for await (const _ of tags.list()) assert.fail();
      });
    }
    const told = seen.filter((request) => request.headers['x-own'] !== undefined);
    assert.ok(seen.length > 4);
    assert.deepEqual([...new Set(told.map(({ url }) => new URL(url).origin))], [home]);
  });

  it('no event of a request shows the value of a header, also where the registry repeats it', async () => {
    const events: WireEvent[] = [];
    await using connections = createConnections({
      transport: echoing,
      headers: { 'registry.example': { 'X-Own': secret('own-header') } },
      onWire: (event) => events.push(event),
      keychain: async () => undefined,
    });
    const { blobs } = connections
      .registry({ registry: 'registry.example' })
      .repository('a', { actions: ['pull'] });
    await blobs.stat(emptyConfig.descriptor.digest);
    assert.deepEqual(
      events.flatMap((event) => (event.kind === 'response' ? [event.headers['x-echo']] : [])),
      [['***']],
    );
    assert.ok(!JSON.stringify(events).includes(secret('own-header')));
  });

  for (const [name, value] of [
    ['x-own', `${secret('own')}\r\nbreak`],
    ['x own', 'x'],
    ['', 'x'],
    ['x-own:', 'x'],
    ['Authorization', secret('own')],
    ['cookie', secret('own')],
    ['Host', 'x'],
    ['Transfer-Encoding', 'x'],
  ] as const) {
    it(`a header is INVALID_OPTION with ${JSON.stringify(name)}: ${JSON.stringify(withoutSecrets(value))}`, () =>
      assert.throws(
        () => ownHeaders({ [name]: value }, home),
        (error) => isGantryError(error, 'INVALID_OPTION') && !error.message.includes('break'),
      ));
  }
});
