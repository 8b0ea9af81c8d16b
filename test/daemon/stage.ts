import type { TestContext } from 'node:test';
import { type FakeDaemon, type FakeDaemonOptions, startFakeDaemon } from '../../bench/support/fake-daemon.ts';
import { type Client, createClient } from '../../src/client/client.ts';
import { startRegistry, type TestRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { makeImage, makeIndex, store } from '../cli/images.ts';
import { folder } from '../folder.ts';

/** A fake daemon, a registry with `app:1` (an image) and `app:many` (an index), and a client of both. */
export interface Stage {
  readonly client: Client;
  readonly daemon: FakeDaemon;
  readonly registry: TestRegistry;
  /** `127.0.0.1:40000/app` */
  readonly app: string;
  /** The variables that lead the command line to the daemon. */
  readonly env: NodeJS.ProcessEnv;
  /** An empty folder. */
  readonly path: string;
}

export async function stage(test: TestContext, options: FakeDaemonOptions = {}): Promise<Stage> {
  const path = await folder(test);
  const daemon = await startFakeDaemon(await folder(test), options);
  atEnd(test, () => daemon[Symbol.asyncDispose]());
  const registry = await startRegistry();
  atEnd(test, () => registry.close());
  const client = createClient({
    keychain: async () => undefined,
    retry: { attempts: 1 },
    daemonHost: daemon.host,
  });
  atEnd(test, () => client.close());
  await store(registry.registry, 'app', ['1'], await makeImage('one'));
  await store(registry.registry, 'app', ['many'], await makeIndex('many'));
  return {
    client,
    daemon,
    registry,
    app: `${registry.host}/app`,
    env: { DOCKER_HOST: daemon.host, TMPDIR: path },
    path,
  };
}

/** Returns the ID of the image with a name in the fake daemon. */
export function idOf({ daemon }: Pick<Stage, 'daemon'>, name: string): string | undefined {
  return daemon.names.find(name, daemon.images.ids());
}

/** Returns the requests to the daemon so far without the version of the API, and forgets them. */
export function asked({ daemon }: Pick<Stage, 'daemon'>): readonly string[] {
  return daemon.requests.splice(0).map((line) => line.replace(/ \/v[\d.]+/, ' '));
}
