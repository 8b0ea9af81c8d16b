import assert from 'node:assert/strict';
import http from 'node:http';
import { describe, it, type TestContext } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { type ErrorCode, isGantryError } from '../../src/errors.ts';
import { atEnd } from '../at-end.ts';
import { listening } from '../listening.ts';

/** Starts a registry that keeps its responses open with an occasional byte. */
async function drips(
  test: TestContext,
  head: (path: string) => readonly [status: number, headers: http.OutgoingHttpHeaders],
): Promise<string> {
  const server = http.createServer((request, response) => {
    response.writeHead(...head(request.url ?? ''));
    const timer = setInterval(() => response.write(' '), 100);
    response.once('close', () => clearInterval(timer));
  });
  return `127.0.0.1:${await listening(test, server)}`;
}

describe('a registry that sends a body without end', () => {
  const rows: readonly [what: string, head: Parameters<typeof drips>[1], code: ErrorCode][] = [
    ['a document without end ends the request', () => [200, {}], 'STALLED'],
    ['the status of a refusal without end is the error', () => [404, {}], 'MANIFEST_UNKNOWN'],
    ['the status of a failure without end is the error', () => [500, {}], 'UNEXPECTED_STATUS'],
    [
      'a redirect with a body without end is followed',
      (path) => (path.endsWith('/there') ? [404, {}] : [307, { location: '/there' }]),
      'MANIFEST_UNKNOWN',
    ],
    [
      'a response without end of the token service ends the request',
      (path) =>
        path.startsWith('/token')
          ? [200, {}]
          : [401, { 'www-authenticate': `Bearer realm="/token",service="there"` }],
      'STALLED',
    ],
  ];
  for (const [what, head, code] of rows) {
    it(`dripping-answers: ${what}`, async (test) => {
      const host = await drips(test, (path) => {
        const [status, headers] = head(path);
        const challenge = headers['www-authenticate'];
        if (typeof challenge !== 'string') return [status, headers];
        return [status, { 'www-authenticate': challenge.replace('/token', `http://${host}/token`) }];
      });
      const client = createClient({
        keychain: async () => undefined,
        timeouts: { progress: 1000 },
        retry: { attempts: 2, initial: 1, downloads: { attempts: 2, initial: 1 } },
      });
      atEnd(test, () => client[Symbol.asyncDispose]());
      await assert.rejects(client.getManifest(`${host}/app:1`), (error) => isGantryError(error, code));
    });
  }
});
