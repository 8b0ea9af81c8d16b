import assert from 'node:assert/strict';
import { Agent, request } from 'node:http';
import { collect } from '../../src/flow/collect.ts';
import { createHasher } from '../../src/flow/hash.ts';
import { createApp } from '../../src/server/app.ts';
import { type Listener, listen } from '../../src/server/node/listen.ts';
import type { Algorithm, Digest } from '../../src/spec/digest.ts';
import type { Registry } from '../../src/store/contract.ts';
import { accessFor, type Guard, loggingIn } from './login.ts';

/** A response that arrived over a socket. */
export interface Answer {
  readonly status: number;
  readonly headers: NodeJS.Dict<string[]>;
  readonly bytes: Uint8Array;
  readonly header: (name: string) => string | undefined;
}

export interface Question {
  readonly body?: string | Uint8Array;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sends the body in pieces, without a Content-Length. */
  readonly streamed?: boolean;
}

/** `target` is a path, or the Location of an earlier response. */
export type Ask = (method: string, target: string, question?: Question) => Promise<Answer>;

/** Two repositories for one point alone, in a registry that many points share. */
export interface Stage {
  readonly ask: Ask;
  readonly repository: string;
  readonly other: string;
  /** Bytes that no other test has. */
  readonly blob: (size?: number) => Uint8Array;
}

export interface House {
  readonly stage: () => Stage;
  readonly close: () => Promise<void>;
}

/** Starts a registry on a port for all tests of a file. */
export async function openHouse(
  open: () => Promise<Registry & Partial<AsyncDisposable>>,
  guard: Guard = 'no login',
): Promise<House> {
  const registry = await open();
  const access = accessFor(guard);
  const listener: Listener = await listen(createApp(registry, { sparse: true, access }));
  const agent = new Agent({ keepAlive: true });
  let count = 0;
  return {
    stage() {
      const name = `conformance/p${++count}`;
      return {
        ask: loggingIn(asking(listener.url, agent), guard),
        repository: `${name}/repo1`,
        other: `${name}/repo2`,
        blob: (size = 512) => noise(size),
      };
    },
    async close() {
      agent.destroy();
      await listener.close({ grace: 0 });
      await registry[Symbol.asyncDispose]?.();
    },
  };
}

function asking(url: string, agent: Agent): Ask {
  return (method, target, { body, headers = {}, streamed = false } = {}) =>
    new Promise((resolve, reject) => {
      const content = typeof body === 'string' ? Buffer.from(body) : body;
      // Like the suite's client: sends no Content-Length without a body, unless the caller sets it.
      const length = content === undefined || streamed ? {} : { 'content-length': content.byteLength };
      const outgoing = request(new URL(target, url), { method, agent, headers: { ...length, ...headers } });
      outgoing.on('error', reject);
      outgoing.on('response', (incoming) => {
        collect(incoming, { limit: 16 * 1024 * 1024, what: target }).then((bytes) => {
          const { headersDistinct } = incoming;
          const header = (name: string): string | undefined => headersDistinct[name]?.[0];
          resolve({ status: incoming.statusCode ?? 0, headers: headersDistinct, bytes, header });
        }, reject);
      });
      if (content !== undefined && streamed) {
        for (let at = 0; at < content.byteLength; at += 100) outgoing.write(content.subarray(at, at + 100));
      } else if (content !== undefined) outgoing.write(content);
      outgoing.end();
    });
}

let last = 0;

/** Returns bytes that no other call returns. */
function noise(size: number): Uint8Array {
  const bytes = new Uint8Array(size);
  let state = (++last * 2_654_435_761) >>> 0;
  for (let at = 0; at < size; at++) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    bytes[at] = state >>> 24;
  }
  return bytes;
}

export function digestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): Digest {
  const hasher = createHasher(algorithm);
  hasher.update(bytes);
  return hasher.digest();
}

export function uploads(repository: string): string {
  return `/v2/${repository}/blobs/uploads/`;
}

export function blobAt(repository: string, digest: Digest): string {
  return `/v2/${repository}/blobs/${digest}`;
}

/** Adds the digest to the Location as a parameter. */
export function closing(location: string, digest: Digest): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
}

/** Asserts the status and the Location that must accompany it. Returns the Location. */
export function located(answer: Answer, status: number): string {
  assert.equal(answer.status, status, new TextDecoder().decode(answer.bytes));
  const location = answer.header('location');
  if (location?.startsWith('/') === true) return location;
  throw new Error(`no relative Location but ${location}`);
}

/** Asserts that a client can read the content of a 201, byte for byte, by its Location and by its digest. */
export async function pullable(ask: Ask, created: Answer, digest: Digest, bytes: Uint8Array): Promise<void> {
  const location = located(created, 201);
  assert.equal(created.header('docker-content-digest'), digest);
  const answer = await ask('GET', location);
  assert.equal(answer.status, 200);
  assert.ok(Buffer.from(answer.bytes).equals(bytes));
  assert.equal(answer.header('content-length'), String(bytes.byteLength));
  assert.equal(answer.header('docker-content-digest'), digest);
}

/** Pushes a blob with POST and one PUT. */
export async function pushBlob(
  ask: Ask,
  repository: string,
  bytes: Uint8Array,
  algorithm?: Algorithm,
): Promise<Digest> {
  const digest = digestOf(bytes, algorithm);
  const location = located(await ask('POST', uploads(repository)), 202);
  const created = await ask('PUT', closing(location, digest), { body: bytes, headers: octets });
  await pullable(ask, created, digest, bytes);
  return digest;
}

export const octets: Readonly<Record<string, string>> = { 'content-type': 'application/octet-stream' };
