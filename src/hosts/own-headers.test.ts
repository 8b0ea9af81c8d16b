import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret, withoutSecrets } from '../../test/secret.ts';
import { createConnections } from '../client/connections.ts';
import { isGantryError } from '../errors.ts';
import { emptyContent } from '../flow/content.ts';
import type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import { ownHeaders } from './own-headers.ts';

const home = 'https://registry.example';

function answer(status: number, headers: HttpResponse['headers'] = {}): HttpResponse {
  return { status, headers, body: emptyContent.open() };
}

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

  it('the values of the headers are secrets beside those of the request', async () => {
    const sent: HttpRequest[] = [];
    const send = ownHeaders(
      { 'X-Own': secret('own-header') },
      home,
    )(async (request) => {
      sent.push(request);
      return answer(200);
    });
    const request = { method: 'GET', headers: {}, replay: 'safe', secrets: [secret('shown')] } as const;
    for (const url of [`${home}/x`, 'https://cdn.example/x']) await send({ ...request, url });
    assert.deepEqual(
      sent.map(({ secrets }) => secrets),
      [[secret('shown'), secret('own-header')], [secret('shown')]],
    );
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
