import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { inspect } from 'node:util';
import { createClient } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import type { Credential } from '../../src/keychain/credential.ts';
import { formatEntry } from '../../src/keychain/docker-config.ts';
import { listOf } from '../../src/testing/contract/sample.ts';
import { atEnd } from '../at-end.ts';
import { fakeRegistry } from '../cli/fake-registry.ts';
import { finished, startGantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { findSecret, secret, withoutSecrets } from '../secret.ts';

/** No text from a server, and no message about it, contains gantry's secrets. */

const secrets = {
  password: secret('pass:w0rd/+ %'),
  identity: secret('identity'),
  registryToken: secret('registryToken'),
  bearer: secret('bearer'),
  signature: secret('signature'),
  cookie: secret('cookie'),
  proxy: secret('proxy'),
} as const;

function assertNoSecret(text: string, what: string): void {
  const at = findSecret(text);
  assert.ok(at < 0, `${what}: …${withoutSecrets(text.slice(Math.max(0, at - 200), at + 100))}…`);
}

/** Returns an Authorization without its scheme, and the decoded content. */
function bareOf(shown: string): string[] {
  const [scheme, bare = ''] = shown.split(' ');
  if (scheme !== 'Basic') return [bare];
  const who = Buffer.from(bare, 'base64').toString();
  return [bare.replace(/=+$/, ''), who, who.slice(who.indexOf(':') + 1)];
}

/** Repeats the received credentials in all responses, and redirects reads to a signed address of its own. */
function echo(status: number, challenge: 'Basic' | 'Bearer') {
  const seen = new Set<string>();
  return async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { pathname, origin } = new URL(request.url ?? '/', `http://${request.headers.host}`);
    const shown = request.headers.authorization ?? '';
    const own = shown === '' ? [] : bareOf(shown);
    const form = new URLSearchParams(await text(request)).get('refresh_token');
    if (form !== null) own.push(form);
    // The registry knows the user from its token service, too.
    if (pathname === '/token') for (const part of own) seen.add(part);
    const all = [shown, ...own, ...(shown === '' || pathname === '/token' ? [] : seen)].join(' , ');
    response.setHeader('set-cookie', `session=${secrets.cookie}`);
    response.setHeader('warning', `299 - "you sent ${all}"`);
    response.setHeader('x-seen', all);
    if (pathname === '/token') {
      response.end(
        JSON.stringify({ token: secrets.bearer, refresh_token: secrets.identity, expires_in: 300 }),
      );
    } else if (shown === '') {
      const where = challenge === 'Basic' ? 'Basic realm="x"' : `Bearer realm="${origin}/token",service="x"`;
      response.writeHead(401, { 'www-authenticate': where }).end();
    } else if (pathname.includes('/blobs/') && request.method === 'GET') {
      response
        .writeHead(307, { location: `/signed?X-Amz-Signature=${secrets.signature}&sig=${secrets.signature}` })
        .end();
    } else {
      response.setHeader('www-authenticate', `${challenge} realm="x",error_description="you sent ${all}"`);
      response.setHeader('location', `/again?_state=${secrets.signature}`);
      response.writeHead(status, { 'content-type': 'application/json' });
      const body = { errors: [{ code: 'DENIED', message: `you sent ${all}`, detail: { header: all } }] };
      response.end(request.method === 'HEAD' ? undefined : JSON.stringify(body));
    }
  };
}

const credentials: readonly (readonly [
  name: string,
  challenge: 'Basic' | 'Bearer',
  credential: Credential,
])[] = [
  ['a password', 'Basic', { kind: 'basic', username: 'alice', password: secrets.password }],
  ['a password for a token', 'Bearer', { kind: 'basic', username: 'alice', password: secrets.password }],
  ['an identity token', 'Bearer', { kind: 'identity', token: secrets.identity }],
  ['a registry token', 'Bearer', { kind: 'registry', token: secrets.registryToken }],
];
const digest = `sha256:${'a'.repeat(64)}`;

describe('secrets and the library', () => {
  for (const [name, challenge, credential] of credentials) {
    for (const status of [400, 401, 403, 404, 500]) {
      it(`C8: no error and no event of the library shows ${name}, even if a response with status ${status} repeats it`, async (test) => {
        const host = await fakeRegistry(test, echo(status, challenge));
        const events: unknown[] = [];
        const client = createClient({
          keychain: async () => credential,
          retry: { attempts: 1, uploads: { attempts: 1 }, downloads: { attempts: 1 } },
          onWire: (event) => events.push(event),
        });
        atEnd(test, () => client[Symbol.asyncDispose]());
        const place = join(await folder(test), 'place');
        for (const ask of [
          () => client.getManifest(`${host}/app:1`),
          () => client.exists(`${host}/app:1`),
          () => listOf(client.tags(`${host}/app`)),
          () => client.openBlob(`${host}/app@${digest}`).open()[Symbol.asyncIterator]().next(),
          () => client.pull([`${host}/app:1`], place),
          () => client.copy(`${host}/app:1`, `${host}/copy:1`),
          () => client.delete(`${host}/app@${digest}`),
        ]) {
          const error: unknown = await ask().catch((reason: unknown) => reason);
          if (!isGantryError(error)) continue;
          const whole = { depth: null, showHidden: true, maxStringLength: null, maxArrayLength: null };
          assertNoSecret(inspect(error, whole), 'util.inspect');
          assertNoSecret(JSON.stringify(error), 'toJSON');
          assertNoSecret(`${error.stack}`, 'stack');
        }
        assert.ok(events.length > 0);
        assertNoSecret(
          inspect(events, { depth: null, maxStringLength: null, maxArrayLength: null }),
          'events',
        );
      });
    }
  }
});

async function configWith(test: TestContext, host: string, credential: Credential): Promise<string> {
  const home = join(await folder(test), 'docker');
  await mkdir(home);
  await writeFile(join(home, 'config.json'), JSON.stringify({ auths: { [host]: formatEntry(credential) } }));
  return home;
}

describe('secrets and the command line', () => {
  for (const [name, challenge, credential] of credentials) {
    it(`C8: neither the output nor the process title of a command shows ${name}`, async (test) => {
      const host = await fakeRegistry(test, echo(403, challenge));
      const env = { DOCKER_CONFIG: await configWith(test, host, credential) };
      for (const args of [
        ['-v', 'manifest', `${host}/app:1`],
        ['-v', '--json', 'inspect', `${host}/app:1`],
        ['-v', '--progress', 'json', 'copy', `${host}/app:1`, `${host}/copy:1`],
        ['-v', 'blob', `${host}/app@${digest}`],
        ['ls', `${host}/app`],
      ]) {
        const child = startGantry(args, { env });
        const title = process.platform === 'linux' ? readFileSync(`/proc/${child.pid}/cmdline`, 'utf8') : '';
        const { stdout, stderr, code } = await finished(child);
        assert.notEqual(code, 0);
        for (const [where, text] of Object.entries({ stdout, stderr, title })) {
          assertNoSecret(text, `${args.join(' ')} on ${where}`);
        }
      }
    });
  }

  it('C24: neither the output nor the process title of a login shows a password from stdin', async (test) => {
    const host = await fakeRegistry(test, echo(403, 'Basic'));
    const env = { DOCKER_CONFIG: join(await folder(test), 'docker') };
    const child = startGantry(['-v', 'auth', 'login', host, '-u', 'alice', '--password-stdin'], { env });
    const title = process.platform === 'linux' ? readFileSync(`/proc/${child.pid}/cmdline`, 'utf8') : '';
    const { stdout, stderr } = await finished(child, secrets.password);
    assertNoSecret(stdout + stderr + title, 'auth login');
  });

  it('C8: no command prints the password of a proxy', async (test) => {
    const host = await fakeRegistry(test, echo(403, 'Basic'));
    const proxy = `http://alice:${secrets.proxy}@127.0.0.1:1`;
    const env = { HTTP_PROXY: proxy, http_proxy: proxy, HTTPS_PROXY: proxy, ALL_PROXY: proxy, NO_PROXY: '' };
    for (const name of [`${host}/app:1`, 'registry.example/app:1']) {
      const { stdout, stderr } = await finished(startGantry(['-v', 'manifest', name], { env }));
      assertNoSecret(stdout + stderr, name);
    }
  });
});
