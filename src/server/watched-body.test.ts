import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { streamContent } from '../flow/content.ts';
import { Gate } from './ask.test.support.ts';
import { type WatchedBody, watchBody } from './watched-body.ts';

interface Scene {
  readonly chunks: AsyncIterator<Uint8Array>;
  readonly body: WatchedBody;
  readonly abort: AbortController;
  /** Releases the second chunk. */
  readonly go: Gate;
  /** Opens once the source has been ended. */
  readonly ended: Gate;
}

function scene(): Scene {
  const [go, ended, abort] = [new Gate(), new Gate(), new AbortController()];
  const source = async function* (): AsyncIterable<Uint8Array> {
    try {
      yield new Uint8Array(1);
      await go.opened;
      yield new Uint8Array(2);
    } finally {
      ended.open();
    }
  };
  const body = watchBody(streamContent(source()), abort.signal);
  return { chunks: body.content.open()[Symbol.asyncIterator](), body, abort, go, ended };
}

describe('the source of a body', () => {
  it('a source ends when its reader stops', async () => {
    const { chunks, body, ended } = scene();
    await chunks.next();
    await chunks.return?.();
    await ended.opened;
    assert.equal(body.broken(), undefined);
  });

  it('a source ends when the request is aborted, which readers learn from the next chunk', async () => {
    const { chunks, body, abort, go, ended } = scene();
    const reason = new Error('enough');
    await chunks.next();
    const next = chunks.next();
    abort.abort(reason);
    go.open();
    await assert.rejects(next, reason);
    await ended.opened;
    assert.deepEqual(body.broken(), { error: reason });
  });

  it('a source ends after a cut, as soon as the awaited chunk has arrived', async () => {
    const { chunks, body, go, ended } = scene();
    await chunks.next();
    const next = chunks.next();
    assert.equal(body.cutAfter(0), true);
    await assert.rejects(next, { code: 'CUT_OFF' });
    await chunks.return?.();
    go.open();
    await ended.opened;
  });

  it('a source is cut only while a reader awaits a chunk', async () => {
    const { chunks, body } = scene();
    assert.equal(body.cutAfter(0), false);
    await chunks.next();
    assert.equal(body.cutAfter(0), false);
    await chunks.return?.();
  });
});
