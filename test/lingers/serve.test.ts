import assert from 'node:assert/strict';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { hashSync } from 'bcryptjs';
import { unlessAborted } from '../../src/flow/abort.ts';
import { blobOf, noise } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { finished, saidOnStderr, startGantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { basicOf, secret } from '../secret.ts';
import { lastLine, settled, watched } from './stage.ts';

/** A served registry and a client of it in the middle of an exchange. */
interface Scene {
  readonly name: string;
  readonly options?: (test: TestContext, cwd: string) => Promise<readonly string[]>;
  /** Resolves when the server is in the middle of the exchange. */
  readonly begin: (host: string, open: () => Socket) => Promise<unknown>;
}

const head = (first: string, ...lines: readonly string[]): string =>
  `${[first, 'Host: localhost', ...lines].join('\r\n')}\r\n\r\n`;

async function heard(socket: Socket, wanted: string): Promise<string> {
  let said = '';
  while (!said.includes(wanted)) said += String((await once(socket, 'data'))[0]);
  return said;
}

const ask = async (socket: Socket, text: string, wanted: string): Promise<string> => {
  const answer = heard(socket, wanted);
  socket.write(text);
  return await answer;
};

const layer = blobOf(noise(16 * 1024 * 1024));
const me = basicOf('me', secret('wrong'));

async function upload(socket: Socket): Promise<string> {
  const said = await ask(
    socket,
    head('POST /v2/app/blobs/uploads/ HTTP/1.1', 'Content-Length: 0'),
    '\r\n\r\n',
  );
  return /^location: (.*)\r$/im.exec(said)?.[1] ?? assert.fail(said);
}

const scenes: readonly Scene[] = [
  {
    name: 'a client that keeps its connection',
    begin: (_, open) => ask(open(), head('GET /v2/ HTTP/1.1'), '\r\n\r\n'),
  },
  {
    name: 'a client that has sent half a head',
    begin: async (_, open) => {
      const socket = open();
      await ask(socket, head('GET /v2/ HTTP/1.1'), '\r\n\r\n');
      await new Promise<unknown>((resolve) => socket.write('GET /v2/ HT', resolve));
    },
  },
  {
    name: 'a client that has an upload session',
    begin: (_, open) => upload(open()),
  },
  {
    name: 'a client in the middle of a chunk',
    begin: async (_, open) => {
      const socket = open();
      const location = await upload(socket);
      const patch = head(`PATCH ${location} HTTP/1.1`, 'Content-Length: 1000', 'Expect: 100-continue');
      await ask(socket, patch, '100 Continue');
      socket.write('begin');
    },
  },
  {
    name: 'a client that is still sending what was refused',
    begin: (_, open) =>
      ask(
        open(),
        `${head('PUT /v2/app/manifests/1 HTTP/1.1', 'Content-Length: 9000000', 'Content-Type: text/plain')}{`,
        '\r\n\r\n',
      ),
  },
  {
    name: 'a client that takes nothing of its answer',
    begin: async (host, open) => {
      const put = await fetch(`http://${host}/v2/app/blobs/uploads/?digest=${layer.descriptor.digest}`, {
        method: 'POST',
        body: Buffer.from(layer.bytes),
      });
      assert.equal(put.status, 201);
      const socket = open();
      await ask(socket, head(`GET /v2/app/blobs/${layer.descriptor.digest} HTTP/1.1`), '200 OK');
      socket.pause();
    },
  },
  {
    name: 'a client whose wrong passwords have to wait',
    options: async (_, cwd) => {
      await writeFile(join(cwd, 'users'), `me:${hashSync(secret('right'), 4)}\n`);
      return ['--htpasswd', 'users'];
    },
    begin: async (_, open) => {
      const attempt = head('GET /v2/app/tags/list HTTP/1.1', `Authorization: ${me}`);
      for (let tries = 0; tries < 4; tries++) open().write(attempt);
      await ask(open(), attempt, '401');
    },
  },
  {
    name: 'a client that waits for an upstream that never answers',
    options: async (test) => {
      const upstream = await startRegistry({
        faults: [
          {
            effect: () => (request) => {
              isAsked();
              return unlessAborted(new Promise<never>(() => undefined), request.signal);
            },
            times: 'always',
          },
        ],
      });
      atEnd(test, () => upstream.close());
      return ['--proxy', upstream.url];
    },
    begin: async (_, open) => {
      open().write(head('GET /v2/app/manifests/1 HTTP/1.1'));
      await asked;
    },
  },
];

let isAsked = (): void => undefined;
const asked = new Promise<void>((resolve) => {
  isAsked = resolve;
});

async function serve(
  test: TestContext,
  args: readonly string[],
  cwd: string,
): Promise<{ child: ChildProcess; host: string }> {
  const child = startGantry(['serve', '--grace', '1', ...args], { cwd, nodeOptions: watched() });
  atEnd(test, () => child.kill('SIGKILL'));
  const [, host = ''] = await saidOnStderr(child, /serving on port \d+: http:\/\/(\S+),/);
  return { child, host };
}

describe('serve is told to stop', { concurrency: 4 }, () => {
  for (const { name, options = async () => [], begin } of scenes) {
    it(`lingers-after-cut-push: nothing holds the process of serve after a stop: ${name}`, {
      timeout: 180_000,
    }, async (test) => {
      const cwd = await folder(test);
      const { child, host } = await serve(test, await options(test, cwd), cwd);
      const ended = finished(child);
      const open = (): Socket => {
        const socket = connect(Number(host.split(':')[1]), '127.0.0.1');
        socket.on('error', () => undefined);
        atEnd(test, () => socket.destroy());
        return socket;
      };
      await begin(host, open);
      child.kill('SIGTERM');
      assert.equal(lastLine((await ended).stderr), settled);
    });
  }
});
