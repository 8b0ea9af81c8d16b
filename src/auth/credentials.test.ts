import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { secret } from '../../test/secret.ts';
import type { Credential } from '../keychain/credential.ts';
import { createManualClock } from '../time/clock.test.support.ts';
import type { HttpRequest } from '../wire/message.ts';
import { type Credentials, createCredentials } from './credentials.ts';

const request: HttpRequest = { method: 'GET', url: 'https://r.example/v2/', headers: {}, replay: 'safe' };
const minute = 60_000;

/** Makes a keychain that gives credentials for an hour, or up to the time that `ends` returns. */
function stage(ends: (now: number) => number | undefined = (now) => now + 60 * minute) {
  const clock = createManualClock();
  let asked = 0;
  const credentials: Credentials = createCredentials({
    registry: 'r.example',
    clock,
    keychain: async (): Promise<Credential> => {
      asked++;
      return {
        kind: 'basic',
        username: 'cloud',
        password: secret(`cloud ${asked}`),
        expiresAt: ends(clock.now()),
      };
    },
  });
  return { clock, credentials, asked: () => asked };
}

describe('a credential that ends', () => {
  it('a credential is kept until a minute before its end, and then the keychain is asked again', async () => {
    const { clock, credentials, asked } = stage();
    const first = await credentials.of(request);
    await clock.advance(59 * minute - 1);
    assert.equal(await credentials.of(request), first);
    assert.equal(asked(), 1);
    await clock.advance(1);
    assert.notEqual(await credentials.of(request), first);
    assert.equal(asked(), 2);
  });

  it('requests that see the end of a credential together ask the keychain once', async () => {
    const { clock, credentials, asked } = stage();
    await credentials.of(request);
    await clock.advance(60 * minute);
    const found = await Promise.all([1, 2, 3].map(() => credentials.of(request)));
    assert.equal(new Set(found).size, 1);
    assert.equal(asked(), 2);
  });

  it('each request asks a keychain that returns only ended credentials once', async () => {
    const { credentials, asked } = stage(() => 1);
    await credentials.of(request);
    assert.equal(asked(), 2);
    await credentials.of(request);
    assert.equal(asked(), 3);
  });

  it('a credential without an end is kept for ever', async () => {
    const { clock, credentials, asked } = stage(() => undefined);
    await credentials.of(request);
    await clock.advance(1e10);
    await credentials.of(request);
    assert.equal(asked(), 1);
  });
});
