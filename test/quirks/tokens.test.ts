import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../../src/errors.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import { createLayer } from '../../src/image/layer.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HttpRequest } from '../../src/wire/message.ts';
import { answer, errorAnswer, jsonAnswer } from '../../src/wire/reply.ts';
import { secret } from '../secret.ts';
import { basic, door, image, layer, readsWhole, scopesOf, stage, withImage, worksWhole } from './stage.ts';

/** Refusals by token services, and cookies that no server expects back. */

const refusesGone = (request: HttpRequest) =>
  scopesOf(request).some((scope) => scope.includes('acme/gone'))
    ? errorAnswer('DENIED', 'requested access to the resource is denied')
    : jsonAnswer(200, { token: secret('given') });

describe('a token service', () => {
  // id: digitalocean-plan-403
  it('DigitalOcean: 403 for an exhausted plan is DENIED, in the words of the registry', async () => {
    const said = 'registry contains 1 repositories, limit is 1';
    const { client, name } = stage({
      quirk: door({ grants: () => errorAnswer('DENIED', said) }),
      credential: basic('dop', secret('dop')),
    });
    await assert.rejects(client.pushImage(`${name}:v1`, image), (error: Error) => {
      assert.ok(isGantryError(error.cause, 'DENIED'));
      return error.cause.message.includes(said);
    });
  });

  // id: ghcr-missing-403
  it('GHCR: 403 for a missing repository is DENIED', () =>
    failsWith(
      stage({ quirk: door({ grants: () => errorAnswer('DENIED', 'requested access') }) }).client.getManifest(
        'registry.test/acme/app:v1',
      ),
      'DENIED',
    ));

  // id: ghcr-mount-source-403
  it('GHCR: a push succeeds after 403 for a missing mount source', async () => {
    const { client, name, inside } = stage({ quirk: door({ grants: refusesGone }) });
    const origin = { registry: 'registry.test', repository: 'acme/gone' };
    const moved = createImage({
      config: { os: 'linux', architecture: 'amd64' },
      layers: [{ ...createLayer(bytesContent(layer)), origin }],
    });
    const { digest } = await client.pushImage(`${name}:v1`, moved);
    assert.equal((await inside.manifests.resolve('v1'))?.digest, digest);
  });

  for (const status of [429, 503]) {
    // id: quay-token-retry
    it(`Quay: ${status} for a token is tried again`, async () => {
      let left = 2;
      const grants = () => (left-- > 0 ? answer(status) : jsonAnswer(200, { token: secret('given') }));
      await readsWhole(await withImage({ quirk: door({ grants }) }));
      assert.ok(left < 0);
    });

    it(`Quay: ${status} for every token is the error`, async () => {
      const { client, name } = stage({ quirk: door({ grants: () => answer(status) }) });
      const code = status === 429 ? 'TOOMANYREQUESTS' : 'UNEXPECTED_STATUS';
      await failsWith(client.getManifest(`${name}:v1`), code);
    });
  }
});

describe('a cookie', () => {
  // id: cookies-not-sent-back
  it('Harbor, OpenShift: a cookie is never sent back', async () => {
    await worksWhole(
      stage({
        registry: 'harbor.test',
        quirk: (next) => async (request) => {
          if (headerValue(request.headers, 'cookie') !== undefined)
            return errorAnswer('DENIED', 'CSRF token invalid');
          const response = await next(request);
          return {
            ...response,
            headers: { ...response.headers, 'set-cookie': [`sid=${secret('cookie')}; Path=/`, 'route=a'] },
          };
        },
      }),
    );
  });
});
