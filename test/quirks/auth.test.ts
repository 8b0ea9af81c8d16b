import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { failsWith, listOf } from '../../src/testing/contract/sample.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HttpRequest } from '../../src/wire/message.ts';
import { answer, jsonAnswer } from '../../src/wire/reply.ts';
import { basicOf, secret } from '../secret.ts';
import { basic, door, scopesOf, stage, worksWhole } from './stage.ts';

/** Forms of login at registries, each as far as it differs from the others. */

interface Row {
  readonly name: string;
  readonly registry: string;
  readonly challenge: readonly string[];
  /** The path of the token service on the registry's own host. */
  readonly path?: string;
  /** The whole address of a token service on another host. */
  readonly realm?: string;
  readonly user?: readonly [username: string, password: string];
  /** The scope of the token request beside the repository. */
  readonly scope?: string;
  readonly reply?: Readonly<Record<string, unknown>>;
}

const rows: readonly Row[] = [
  {
    // id: docker-hub-token-service
    name: 'Docker Hub: a token service on another host',
    registry: 'docker.io',
    challenge: ['Bearer realm="https://auth.docker.io/token",service="registry.docker.io"'],
    realm: 'https://auth.docker.io/token',
    user: ['alice', secret('dckr_pat')],
  },
  {
    // id: ghcr-user-token-password
    name: 'GHCR: any user with a token for a password',
    registry: 'ghcr.io',
    challenge: ['Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:user/image:pull"'],
    path: '/token',
    user: ['anybody', secret('ghp')],
  },
  {
    // id: ecr-public-scope-aws
    name: 'ECR Public: the scope aws',
    registry: 'public.ecr.aws',
    challenge: ['Bearer realm="https://public.ecr.aws/token/",service="public.ecr.aws",scope="aws"'],
    path: '/token/',
    user: ['AWS', secret('eyJ')],
    scope: 'aws',
  },
  {
    // id: artifact-registry-access-token
    name: 'Artifact Registry: an access token for a password',
    registry: 'europe-docker.pkg.dev',
    challenge: ['Bearer realm="https://europe-docker.pkg.dev/v2/token",service="europe-docker.pkg.dev"'],
    path: '/v2/token',
    user: ['oauth2accesstoken', secret('ya29')],
  },
  {
    // id: acr-refresh-token
    name: 'ACR: the user of zeros, whose password is a refresh token',
    registry: 'acme.azurecr.io',
    challenge: ['Bearer realm="https://acme.azurecr.io/oauth2/token",service="acme.azurecr.io"'],
    path: '/oauth2/token',
    user: ['00000000-0000-0000-0000-000000000000', secret('refresh')],
    reply: { access_token: secret('given') },
  },
  {
    // id: quay-robot
    name: 'Quay: a robot, and no right to delete is ever granted',
    registry: 'quay.io',
    challenge: ['Bearer realm="https://quay.io/v2/auth",service="quay.io"'],
    path: '/v2/auth',
    user: ['acme+robot', secret('a user')],
  },
  {
    // id: gitlab-short-tokens
    name: 'GitLab: a token for a few minutes',
    registry: 'registry.gitlab.com',
    challenge: ['Bearer realm="https://gitlab.com/jwt/auth",service="container_registry"'],
    realm: 'https://gitlab.com/jwt/auth',
    user: ['gitlab-ci-token', secret('job')],
    reply: { token: secret('given'), expires_in: 300, issued_at: '2999-01-01T00:00:00Z' },
  },
  {
    // id: harbor-robot
    name: 'Harbor: a robot with a dollar in its name',
    registry: 'harbor.test',
    challenge: ['Bearer realm="https://harbor.test/service/token",service="harbor-registry"'],
    path: '/service/token',
    user: ['robot$acme+ci', secret('a user')],
  },
  {
    // id: artifactory-token-service
    name: 'Artifactory: a token service for each repository, and Basic with a realm that is no address',
    registry: 'jfrog.test',
    challenge: [
      'Bearer realm="https://jfrog.test/artifactory/api/docker/acme/v2/token",service="jfrog.test", Basic realm="Artifactory Realm"',
    ],
    path: '/artifactory/api/docker/acme/v2/token',
    user: ['alice', secret('identity')],
  },
  {
    // id: nexus-anonymous-token
    name: 'Nexus: an anonymous token from a path of its own',
    registry: 'nexus.test:8082',
    challenge: ['BEARER realm="https://nexus.test:8082/v2/token",service="https://nexus.test:8082/v2/token"'],
    path: '/v2/token',
  },
  {
    // id: gitea-two-challenges
    name: 'Gitea: Bearer and Basic in two headers, and the scope *',
    registry: 'gitea.test',
    challenge: ['Bearer realm="https://gitea.test/v2/token",service="container_registry",scope="*"', 'Basic'],
    path: '/v2/token',
    user: ['alice', secret('pat')],
    scope: '*',
  },
  {
    // id: forgejo-two-challenges
    name: 'Forgejo: both in one header',
    registry: 'forgejo.test',
    challenge: [
      'Bearer realm="https://forgejo.test/v2/token",service="container_registry",scope="*",Basic realm="https://forgejo.test"',
    ],
    path: '/v2/token',
    user: ['alice', secret('pat')],
    scope: '*',
  },
  {
    // id: ibm-api-key
    name: 'IBM: the user iamapikey',
    registry: 'de.icr.io',
    challenge: ['Bearer realm="https://de.icr.io/oauth/token",service="registry"'],
    path: '/oauth/token',
    user: ['iamapikey', secret('key')],
  },
  {
    name: 'a realm that is relative',
    registry: 'registry.test',
    challenge: ['Bearer realm="/token",service="registry.test"'],
    path: '/token',
    user: ['alice', secret('a user')],
  },
];

describe('a login at a token service', () => {
  for (const {
    name,
    registry,
    challenge,
    path,
    realm,
    user,
    scope,
    reply = { token: secret('given') },
  } of rows) {
    it(`a login with tokens succeeds: ${name}`, async () => {
      const tokens: HttpRequest[] = [];
      const grants = (request: HttpRequest) => {
        tokens.push(request);
        return jsonAnswer(200, reply);
      };
      const own = path === undefined ? {} : { path };
      await worksWhole(
        stage({
          registry,
          quirk: door({ challenge, ...own, grants }),
          elsewhere(request) {
            assert.ok(realm !== undefined && request.url.startsWith(`${realm}?`), request.url);
            return grants(request);
          },
          ...(user === undefined ? {} : { credential: basic(...user) }),
        }),
      );
      assert.ok(tokens.length > 0);
      for (const request of tokens) {
        const shown = headerValue(request.headers, 'authorization');
        assert.equal(shown, user === undefined ? undefined : basicOf(...user));
        if (scope !== undefined) assert.ok(scopesOf(request).includes(scope), scopesOf(request).join());
      }
      assert.deepEqual(scopesOf(tokens[0] ?? assert.fail())[0]?.endsWith('acme/app:pull,push'), true);
    });
  }

  const basics: readonly (readonly [
    name: string,
    registry: string,
    user: readonly [string, string],
    challenge: string,
  ])[] = [
    [
      // id: ecr-basic
      'ECR: Basic with the user AWS',
      '123456789012.dkr.ecr.eu-west-1.amazonaws.com',
      ['AWS', secret('eyJ')],
      'Basic realm="https://123456789012.dkr.ecr.eu-west-1.amazonaws.com/",service="ecr.amazonaws.com"',
    ],
    [
      'zot and Cloudflare: Basic',
      'zot.test',
      ['alice', secret('a user')],
      'Basic realm="Authorization Required"',
    ],
    [
      // id: digitalocean-token-twice
      'a registry of DigitalOcean: the same token twice',
      'registry.digitalocean.com',
      [secret('dop'), secret('dop')],
      'Basic',
    ],
  ];
  for (const [name, registry, user, challenge] of basics) {
    it(`a login with Basic succeeds: ${name}`, async () => {
      const quirk = door({ challenge: [challenge], key: basicOf(...user) });
      await worksWhole(stage({ registry, quirk, credential: basic(...user) }));
      await failsWith(
        stage({ registry, quirk }).client.getManifest(`${registry}/acme/app:v1`),
        'UNAUTHORIZED',
      );
    });
  }

  // id: zot-open-ping
  it('zot: anybody may ask for /v2/, and few for more', async () => {
    const closed = door();
    const credential = basic('alice', secret('a user'));
    await worksWhole(
      stage({
        credential,
        quirk: (next) => (request) => (request.url === '/v2/' ? next(request) : closed(next)(request)),
      }),
    );
  });

  // id: gcr-401-without-challenge
  it('Artifact Registry and gcr.io: 401 without a challenge anywhere but at /v2/', async () => {
    const quirk = door();
    const made = stage({
      credential: basic('_json_key', JSON.stringify({ private_key: secret('json') })),
      quirk: (next) => async (request) => {
        const response = await quirk(next)(request);
        return response.status === 401 && request.url !== '/v2/' ? answer(401) : response;
      },
    });
    await worksWhole(made);
    const before = made.asked.length;
    await listOf(made.client.tags(made.name));
    assert.equal(made.asked.length, before + 1, 'what is known is not asked again');
  });
});

describe('a 401 without a challenge', () => {
  it('a 401 without a challenge is final if /v2/ has no challenge either', () =>
    failsWith(
      stage({ quirk: () => async () => answer(401) }).client.getManifest('registry.test/acme/app:v1'),
      'UNAUTHORIZED',
    ));

  it('a 401 without a challenge is final if /v2/ accepts the refused login', async () => {
    const { client, name, asked } = stage({
      quirk:
        () =>
        async ({ url }) =>
          answer(url === '/v2/' ? 200 : 401),
    });
    await failsWith(client.getManifest(`${name}:v1`), 'UNAUTHORIZED');
    assert.equal(asked.length, 3);
  });
});
