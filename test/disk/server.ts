import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { digestOf } from '../../src/flow/hash.ts';
import type { Digest } from '../../src/spec/digest.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { atEnd } from '../at-end.ts';
import { type RunOptions, saidOnStderr, startGantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';

export interface Server {
  /** `http://127.0.0.1:1234` */
  readonly url: string;
  readonly child: ChildProcess;
  /** Kills the process and waits for its end. */
  kill(signal?: NodeJS.Signals): Promise<void>;
}

/** Starts a process that serves the store. */
export async function serveStore(
  test: TestContext,
  store: string,
  args: readonly string[] = [],
  options: RunOptions = {},
): Promise<Server> {
  const child = startGantry(['serve', '--disk', store, '--address', '127.0.0.1:0', ...args], options);
  atEnd(test, () => child.kill('SIGKILL'));
  const [, url = ''] = await saidOnStderr(child, /serving on port \d+: (http:\/\/[^,]+),/);
  const gone = once(child, 'close');
  return {
    url,
    child,
    async kill(signal = 'SIGKILL') {
      child.kill(signal);
      await gone;
    },
  };
}

/** Returns a path without a store. */
export async function newStore(test: TestContext): Promise<string> {
  return join(await folder(test), 'store');
}

export interface Blob {
  readonly bytes: Uint8Array;
  readonly digest: Digest;
}

export function blobOf(bytes: Uint8Array | string): Blob {
  const data = Buffer.from(bytes);
  return { bytes: data, digest: digestOf(data) };
}

/** Makes an image of these blobs; the first one takes the place of the config. */
export function imageOf(blobs: readonly Blob[], more: object = {}): Blob {
  const [config, ...layers] = blobs.map(({ bytes, digest }) => ({ digest, size: bytes.byteLength }));
  return blobOf(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: MediaType.ociManifest,
      config: { mediaType: MediaType.ociConfig, ...config },
      layers: layers.map((layer) => ({ mediaType: MediaType.ociLayerGzip, ...layer })),
      ...more,
    }),
  );
}

/** Returns the status of a request; 0 if the server went away meanwhile. */
export async function statusOf(url: string, init: RequestInit = {}): Promise<number> {
  try {
    const response = await fetch(url, init);
    await response.arrayBuffer();
    return response.status;
  } catch {
    return 0;
  }
}

export async function pushBlob(url: string, repository: string, blob: Blob): Promise<number> {
  const query = `digest=${blob.digest}`;
  return statusOf(`${url}/v2/${repository}/blobs/uploads/?${query}`, {
    method: 'POST',
    headers: { 'content-type': 'application/octet-stream' },
    body: blob.bytes,
  });
}

export async function pushManifest(
  url: string,
  repository: string,
  reference: string,
  { bytes }: Blob,
  type: string = MediaType.ociManifest,
): Promise<number> {
  return statusOf(`${url}/v2/${repository}/manifests/${reference}`, {
    method: 'PUT',
    headers: { 'content-type': type },
    body: bytes,
  });
}

/** Returns the digest of the served content, or the status of the refusal. */
export async function served(url: string, path: string): Promise<string | number> {
  const response = await fetch(`${url}/v2/${path}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  return response.ok ? digestOf(bytes) : response.status;
}

/** Runs `task` this many times in parallel, each with its number. */
export async function together(count: number, task: (n: number) => Promise<void>): Promise<void> {
  await Promise.all(Array.from({ length: count }, (_, n) => task(n)));
}

/** Runs a program without its output, and returns its exit code. */
export async function exitOf(program: string, args: readonly string[]): Promise<number | null> {
  const child = spawn(program, args, { stdio: 'ignore' });
  await once(child, 'close');
  return child.exitCode;
}
