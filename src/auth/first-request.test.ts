import assert from 'node:assert/strict';
import { once } from 'node:events';
import { describe, it } from 'node:test';
import { TransportError } from '../errors.ts';
import { alice, answer, bearerRegistry, bearing, rejects, stage } from './stage.test.support.ts';

/** Lets all ready work continue. */
const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** A registry that answers only when the test says so. */
function slow(registry = bearerRegistry) {
  const gate = new EventTarget();
  const opened = once(gate, 'open');
  const held: typeof bearerRegistry = async (request, authorization) => {
    await opened;
    return registry(request, authorization);
  };
  return { registry: held, open: () => gate.dispatchEvent(new Event('open')) };
}

describe('requests that begin before the first answer of a registry', () => {
  it('requests wait for the answer to the first one when a credential exists', async () => {
    const { registry, open } = slow();
    const { send, shown, tokens } = stage({ registry, credential: alice });
    const all = [send(), send(), send()];
    await settled();
    assert.deepEqual(shown, [undefined]);
    open();
    assert.deepEqual(
      (await Promise.all(all)).map(({ status }) => status),
      [200, 200, 200],
    );
    assert.deepEqual(shown, [undefined, bearing('t1'), bearing('t1'), bearing('t1')]);
    assert.equal(tokens.length, 1);
  });

  it('requests go out at once when no credential exists', async () => {
    const { registry, open } = slow(async () => answer(200));
    const { send, shown } = stage({ registry });
    const all = [send(), send(), send()];
    await settled();
    assert.deepEqual(shown, [undefined, undefined, undefined]);
    open();
    await Promise.all(all);
  });

  it('requests go out when the first one gets no answer', async () => {
    const failures = [new TransportError('CUT_OFF', 'gone')];
    const { registry, open } = slow(async () => {
      const failure = failures.pop();
      if (failure !== undefined) throw failure;
      return answer(200);
    });
    const { send, shown } = stage({ registry, credential: alice });
    const [first, ...others] = [send(), send(), send()];
    await settled();
    assert.equal(shown.length, 1);
    open();
    await rejects(first ?? Promise.resolve(), 'CUT_OFF');
    await Promise.all(others);
    assert.deepEqual(shown, [undefined, undefined, undefined]);
  });

  it('a request ends with its own signal while it waits for the first one', async () => {
    const { registry, open } = slow();
    const { send } = stage({ registry, credential: alice });
    const end = new AbortController();
    const [first, second] = [send(), send({ signal: end.signal })];
    await settled();
    end.abort('enough');
    await assert.rejects(second, (error) => error === 'enough');
    open();
    assert.equal((await first).status, 200);
  });
});
