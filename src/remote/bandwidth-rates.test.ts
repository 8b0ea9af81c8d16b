import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Content } from '../flow/content.ts';
import { createLine } from '../http/line.ts';
import { parseDigest } from '../spec/digest.ts';
import type { Repository } from '../store/contract.ts';
import { createManualClock, type ManualClock, timed } from '../time/clock.test.support.ts';
import { headerValue } from '../wire/headers.ts';
import type { Send } from '../wire/message.ts';
import { openRegistry } from './registry.ts';
import { createResources, type Resources } from './resources.ts';

/** Limits of whole transfers in virtual time, with every timeout of a client. */

const mebibyte = 1024 * 1024;
/** Bytes that a connection reads at once, as http/node does for large bodies. */
const block = new Uint8Array(mebibyte);
const digest = parseDigest(`sha256:${'a'.repeat(64)}`);

interface Network {
  readonly clock: ManualClock;
  readonly resources: Resources;
  /** Bytes per second of the user's limit. */
  readonly limit: number;
  /** Bytes per second of each connection. Default: no time passes. */
  readonly connection?: number | undefined;
}

interface Remote {
  readonly repository: Repository;
  readonly asked: readonly string[];
}

/** Opens a registry that has one blob of this size, keeps nothing, and takes every upload. */
function remoteOf(name: string, size: number, { clock, resources, limit, connection }: Network): Remote {
  const base = `http://${name}.test`;
  const asked: string[] = [];
  const bytes = async function* (from: number, to: number): AsyncIterable<Uint8Array> {
    for (let at = from; at < to; at += block.byteLength) {
      const chunk = block.subarray(0, to - at);
      const takes = connection === undefined ? 0 : (chunk.byteLength / connection) * 1000;
      if (takes > 0) await new Promise<void>((resolve) => void clock.after(takes, resolve));
      yield chunk;
    }
  };
  const transport: Send = async ({ method, url, headers, body, signal }) => {
    asked.push(method);
    if (method === 'GET') {
      const range = /^bytes=(\d+)-(\d*)$/.exec(headerValue(headers, 'range') ?? '');
      const from = Number(range?.[1] ?? 0);
      const to = range?.[2] ? Number(range[2]) + 1 : size;
      const length = { 'content-length': [String(to - from)] };
      if (range === null) return { status: 200, headers: length, body: bytes(from, to), url };
      const part = { ...length, 'content-range': [`bytes ${from}-${to - 1}/${size}`] };
      return { status: 206, headers: part, body: bytes(from, to), url };
    }
    if (method === 'PUT') for await (const _ of body?.open({ signal }) ?? []);
    const [status, answer] = {
      HEAD: [404, {}] as const,
      POST: [202, { location: [`${base}/v2/app/blobs/uploads/1`] }] as const,
    }[method] ?? [201, { 'docker-content-digest': [digest] }];
    return { status, headers: answer, body: bytes(0, 0), url };
  };
  const bandwidth = resources.bandwidth(limit);
  const send = createLine({ transport, timeouts: { clock }, retry: { clock }, bandwidth });
  const registry = openRegistry({ base, send, clock }, resources, { bandwidth });
  return { repository: registry.repository('app', { actions: ['pull', 'push'] }), asked };
}

function networkAt(limit: number, connection?: number): Network {
  const clock = createManualClock(1000);
  return { clock, resources: createResources(clock), limit, connection };
}

/** Reads a blob to its end and resolves with its bytes. No digest is computed, since the bytes are many. */
async function pull({ repository }: Remote, size: number): Promise<void> {
  const { unverified } = repository.blobs.open({ mediaType: 'application/octet-stream', digest, size });
  let came = 0;
  for await (const chunk of unverified?.open() ?? []) came += chunk.byteLength;
  assert.equal(came, size);
}

async function push({ repository }: Remote, size: number): Promise<void> {
  const content: Content = {
    size,
    replayable: true,
    async *open({ from = 0 } = {}) {
      for (let at = from; at < size; at += block.byteLength) yield block.subarray(0, size - at);
    },
  };
  const outcome = await repository.blobs.write(
    { mediaType: 'application/octet-stream', digest, size },
    content,
  );
  assert.equal(outcome, 'uploaded');
}

/** Asserts the seconds of the work, to within 5 %. */
async function takes(expected: number, { clock }: Network, ...work: readonly Promise<void>[]): Promise<void> {
  const took = (await timed(clock, Promise.all(work))) / 1000;
  assert.ok(Math.abs(took - expected) <= expected * 0.05, `${took} s in place of ${expected} s`);
}

describe('a limit of the bandwidth over whole transfers', () => {
  for (const mebibytes of [1, 10, 50, 200]) {
    const limit = mebibytes * mebibyte;
    const size = 10 * limit;

    it(`a download at ${mebibytes} MiB/s takes 10 s, and no connections beside the first`, async () => {
      const network = networkAt(limit);
      const remote = remoteOf('a', size, network);
      await takes(10, network, pull(remote, size));
      // A large blob takes one request for its first part.
      assert.deepEqual(remote.asked, mebibytes === 1 ? ['GET'] : ['GET', 'GET']);
    });

    it(`an upload at ${mebibytes} MiB/s takes 10 s, and one request for the bytes`, async () => {
      const network = networkAt(limit);
      const remote = remoteOf('a', size, network);
      await takes(10, network, push(remote, size));
      assert.deepEqual(remote.asked, ['HEAD', 'POST', 'PUT']);
    });
  }

  it('eight downloads at once share the limit, and take the requests that they take without one', async () => {
    const network = networkAt(40 * mebibyte);
    const remote = remoteOf('a', 50 * mebibyte, network);
    await takes(10, network, ...Array.from({ length: 8 }, () => pull(remote, 50 * mebibyte)));
    assert.equal(remote.asked.length, 16);
  });

  it('a download in parts over slow connections reaches the limit and keeps it', async () => {
    const network = networkAt(20 * mebibyte, 5 * mebibyte);
    const remote = remoteOf('a', 400 * mebibyte, network);
    await takes(20, network, pull(remote, 400 * mebibyte));
    assert.ok(remote.asked.length > 100, `${remote.asked.length} requests`);
  });

  it('two registries share the limit of each direction', async () => {
    const network = networkAt(10 * mebibyte);
    const size = 50 * mebibyte;
    const [one, other] = [remoteOf('a', size, network), remoteOf('b', size, network)];
    await takes(10, network, pull(one, size), pull(other, size), push(one, size), push(other, size));
  });
});
