import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { type AppOptions, createApp } from '../../src/server/app.ts';
import { type Ask, asking } from '../../src/server/ask.test.support.ts';
import { dial } from '../../src/server/node/dial.test.support.ts';
import { type Listener, type ListenOptions, listen } from '../../src/server/node/listen.ts';
import type { Registry } from '../../src/store/contract.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';

export interface RowOptions extends AppOptions, Omit<ListenOptions, 'host' | 'port'> {
  readonly registry?: Registry;
}

export interface RowStage {
  readonly ask: Ask;
  readonly listener: Listener;
  readonly port: number;
  /** Sends the text as it is over a connection of its own, and gives all that comes until it is ended. */
  readonly raw: (text: string | Buffer) => Promise<string>;
}

/** A registry over sockets and, for what needs none, in the process. */
export async function serve(test: TestContext, options: RowOptions = {}): Promise<RowStage> {
  const { registry = createMemoryRegistry(), ...rest } = options;
  // Each takes its own options only.
  const { hosts, anonymous, tls, requestIdle, answerIdle, headerBytes, connections, observer, ...own } = rest;
  const app = createApp(registry, own);
  const listener = await listen(app, {
    ...(hosts === undefined ? {} : { hosts }),
    ...(tls === undefined ? {} : { tls }),
    ...(anonymous === undefined ? {} : { anonymous }),
    ...(observer === undefined ? {} : { observer }),
    requestIdle,
    answerIdle,
    headerBytes,
    connections,
  });
  atEnd(test, () => listener.close({ grace: 0 }));
  const { port } = listener;
  return {
    ask: asking(app),
    listener,
    port,
    async raw(text) {
      const { socket, read } = await dial(test, port);
      socket.write(text);
      return read();
    },
  };
}

/** A store in a folder `store` beside nothing else. */
export async function openDisk(
  test: TestContext,
): Promise<{ readonly root: string; readonly beside: string; readonly registry: Registry }> {
  const beside = await folder(test);
  const root = join(beside, 'store');
  const registry = await openDiskRegistry(root);
  atEnd(test, () => registry[Symbol.asyncDispose]());
  return { root, beside, registry };
}

/** One request that asks for the connection to be ended. */
export function closing(line: string, headers: readonly string[] = [], body = ''): string {
  return `${[`${line} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n${body}`;
}

/** The status of the first answer in what came over a connection; undefined if there is none. */
export function statusOf(text: string): number | undefined {
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1];
  return status === undefined ? undefined : Number(status);
}

/** How many answers came over a connection. */
export function answersIn(text: string): number {
  return text.match(/HTTP\/1\.1 \d{3} /g)?.length ?? 0;
}

/** An answer tells nobody where things are kept or what they are made of. */
export function assertDiscreet(text: string, ...paths: readonly string[]): void {
  for (const path of paths) assert.ok(!text.includes(path), text);
  assert.doesNotMatch(text, /node:|\.js:\d|\.ts:\d|\n +at |ENOENT|EISDIR|ENOTDIR|EACCES|errno/);
}
