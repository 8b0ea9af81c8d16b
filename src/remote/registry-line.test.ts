import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../errors.ts';
import type { WireEvent } from '../http/event.ts';
import type { HttpRequest, Send } from '../wire/message.ts';
import { answer } from '../wire/reply.ts';
import { createRegistryLine } from './registry-line.ts';

const ping = (base: string): HttpRequest => ({
  method: 'GET',
  url: `${base}/v2/`,
  headers: {},
  replay: 'safe',
});

/** Refuses every request and asks for a login. */
const refusing: Send = async () => answer(401, { 'www-authenticate': ['Basic realm="registry"'] });

describe('createRegistryLine', () => {
  for (const [base, plain] of [
    ['http://reg.example', true],
    ['https://reg.example', undefined],
    ['http://localhost:5000', undefined],
  ] as const) {
    it(`createRegistryLine tells the keychain ${plain ? 'about' : 'nothing of'} plain HTTP for ${base}`, async () => {
      const asked: (boolean | undefined)[] = [];
      const send = createRegistryLine({
        base,
        transport: refusing,
        keychain: async (_, __, question) => {
          asked.push(question?.plain);
          return undefined;
        },
      });
      assert.equal((await send(ping(base))).status, 401);
      assert.deepEqual([...new Set(asked)], [plain]);
    });
  }

  it('createRegistryLine retries, names itself, and reports each request', async () => {
    const events: WireEvent[] = [];
    const agents: unknown[] = [];
    const send = createRegistryLine({
      base: 'https://reg.example',
      transport: async ({ headers }) => answer(agents.push(headers['user-agent']) === 1 ? 502 : 200, {}),
      retry: { initial: 1 },
      onWire: (event) => events.push(event),
    });
    assert.equal((await send(ping('https://reg.example'))).status, 200);
    assert.deepEqual(agents, [['gantry'], ['gantry']]);
    assert.deepEqual(
      events.filter(({ kind }) => kind === 'response' || kind === 'retry').map(({ kind }) => kind),
      ['response', 'retry', 'response'],
    );
  });

  it('createRegistryLine refuses unknown and missing options', () => {
    for (const given of [
      {},
      { base: 'https://reg.example' },
      { base: 'https://a', transport: 1, prox: '' },
    ]) {
      assert.throws(
        () => Reflect.apply(createRegistryLine, undefined, [given]),
        (error: unknown) => isGantryError(error, 'INVALID_OPTION'),
      );
    }
  });
});
