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
  /** Sends the text unchanged over a connection of its own, and returns everything until its end. */
  readonly raw: (text: string | Buffer) => Promise<string>;
}

/** Serves a registry over sockets and, for tests that need none, in the process. */
export async function serve(test: TestContext, options: RowOptions = {}): Promise<RowStage> {
  const { registry = createMemoryRegistry(), ...rest } = options;
  // Each function accepts only its own options.
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

/** Opens a store in a folder `store` that nothing else shares. */
export async function openDisk(
  test: TestContext,
): Promise<{ readonly root: string; readonly beside: string; readonly registry: Registry }> {
  const beside = await folder(test);
  const root = join(beside, 'store');
  const registry = await openDiskRegistry(root);
  atEnd(test, () => registry[Symbol.asyncDispose]());
  return { root, beside, registry };
}

/** Returns one request that closes the connection. */
export function closing(line: string, headers: readonly string[] = [], body = ''): string {
  return `${[`${line} HTTP/1.1`, 'Host: localhost', 'Connection: close', ...headers].join('\r\n')}\r\n\r\n${body}`;
}

/** Returns the status of the first response on a connection; undefined without one. */
export function statusOf(text: string): number | undefined {
  const status = /^HTTP\/1\.1 (\d{3}) /.exec(text)?.[1];
  return status === undefined ? undefined : Number(status);
}

/** Returns the number of responses on a connection. */
export function answersIn(text: string): number {
  return text.match(/HTTP\/1\.1 \d{3} /g)?.length ?? 0;
}

/** Asserts that a response reveals no paths and no parts of the program. */
export function assertDiscreet(text: string, ...paths: readonly string[]): void {
  for (const path of paths) assert.ok(!text.includes(path), text);
  assert.doesNotMatch(text, /node:|\.js:\d|\.ts:\d|\n +at |ENOENT|EISDIR|ENOTDIR|EACCES|errno/);
}
