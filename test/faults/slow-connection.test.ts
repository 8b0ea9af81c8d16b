import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { onAbort } from '../../src/flow/abort.ts';
import { measure } from '../../src/flow/hash.ts';
import { createRemoteRegistry } from '../../src/remote/registry.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { createManualClock, timed } from '../../src/time/clock.test.support.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HttpResponse, Send } from '../../src/wire/message.ts';
import { mebibyte, pass } from './blob-scenes.ts';
import { generated } from './generated.ts';

/** Bytes. */
const size = 256 * mebibyte;
const blob = generated(size);
/** Bytes that a connection brings at once. */
const piece = 100_000;
/** Milliseconds until an answer begins. */
const roundTrip = 20;

interface Play {
  /** Virtual milliseconds. */
  readonly took: number;
  /** Bytes of answers. */
  readonly bytes: number;
  /** Connections that were opened. */
  readonly opened: number;
}

type Named = Pick<Descriptor, 'digest'> & Partial<Descriptor>;
/** The rate of a connection for an answer from this position on, in bytes a millisecond. */
type Rate = (connection: number, from: number) => number;

/**
 * Reads the blob over connections with a rate each, in virtual time. A request takes the connection that
 * became idle last, and an aborted request closes its connection.
 */
async function play(named: Named, rate: Rate): Promise<Play> {
  const clock = createManualClock();
  const idle: number[] = [];
  let [opened, bytes, moves] = [0, 0, 0];
  const send: Send = async ({ headers, signal }) => {
    const connection = idle.pop() ?? opened++;
    const state = { isOpen: true };
    const release = onAbort(signal, () => {
      state.isOpen = false;
    });
    const [, from = 0, to = size - 1] = (
      /^bytes=(\d+)-(\d+)?$/.exec(headerValue(headers, 'range') ?? '') ?? []
    ).map((text) => (text === undefined ? undefined : Number(text)));
    const body = async function* (): AsyncIterable<Uint8Array> {
      let isWhole = false;
      try {
        for await (const chunk of blob.content.open({ from, to: to + 1 })) {
          for (let at = 0; at < chunk.byteLength; at += piece) {
            const part = chunk.slice(at, at + piece);
            await pass(clock, part.byteLength / rate(connection, from));
            signal?.throwIfAborted();
            moves++;
            bytes += part.byteLength;
            yield part;
          }
        }
        isWhole = true;
      } finally {
        release();
        if (isWhole && state.isOpen) idle.push(connection);
      }
    };
    await pass(clock, roundTrip);
    moves++;
    const range = { 'content-range': [`bytes ${from}-${to}/${size}`] };
    return {
      status: 206,
      headers: { 'content-length': [String(to + 1 - from)], ...range },
      body: body(),
    } satisfies HttpResponse;
  };
  const registry = createRemoteRegistry({ base: 'http://registry.test', send, clock });
  const { blobs } = registry.repository('app');
  const read = async (): Promise<void> => {
    const content = named.size === undefined ? blobs.open(named.digest) : blobs.open({ ...blob.descriptor });
    assert.equal((await measure(content.open())).digest, named.digest);
  };
  const took = await timed(clock, read(), () => moves);
  assert.equal(clock.set(), 0);
  return { took, bytes, opened };
}

const { digest } = blob.descriptor;
/** Bytes a millisecond. */
const [usual, slow] = [20_000, 1_000];
const lastPart = size - 2 * mebibyte;

describe('slow-part: a large blob over eight connections at 20 MB/s, one of them at 1 MB/s, in virtual time', () => {
  let without: Play = { took: 0, bytes: 0, opened: 0 };
  before(async () => {
    without = await play(blob.descriptor, () => usual);
  });

  it('slow-part: a blob without a slow connection comes once over eight connections', () => {
    assert.deepEqual([without.bytes, without.opened], [size, 8]);
  });

  it('slow-part: a blob without a known size comes in parts, too', async () => {
    const { took, bytes } = await play({ digest }, () => usual);
    assert.ok(took <= 1.3 * without.took, `${took} ms, and ${without.took} ms with a known size`);
    assert.ok(bytes <= 1.02 * size, `${bytes / size} times the bytes`);
  });

  const rows: readonly [what: string, named: Named, rate: Rate][] = [
    ['whose first connection is slow', blob.descriptor, (one) => (one === 0 ? slow : usual)],
    ['whose fifth connection is slow', blob.descriptor, (one) => (one === 4 ? slow : usual)],
    ['without a known size, whose last connection is slow', { digest }, (one) => (one === 7 ? slow : usual)],
    ['whose last part begins slowly', blob.descriptor, (_, from) => (from === lastPart ? slow : usual)],
  ];
  for (const [what, named, rate] of rows) {
    it(`slow-part: a blob ${what} takes at most 1.3 times as long`, async () => {
      const { took, bytes, opened } = await play(named, rate);
      assert.ok(took <= 1.3 * without.took, `${took} ms, and ${without.took} ms without`);
      assert.ok(bytes <= 1.02 * size, `${bytes / size} times the bytes`);
      // The connection of a blob of unknown size ends where its parts begin.
      assert.ok(opened <= (named.size === undefined ? 10 : 9), `${opened} connections`);
    });
  }
});
