import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createGate, type Gate } from '../../test/gate.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent, type Content } from '../flow/content.ts';
import { readTar } from '../tar/read.ts';
import type { Engine, EngineRequest } from './engine.ts';
import { createLoadStream, type LoadStream } from './load-stream.ts';

const encoder = new TextEncoder();

const unused = (): never => assert.fail('a load asks for nothing else');

/** A daemon that gives every load to `load`, and answers with the text that it returns. */
function stream(load: (request: EngineRequest) => Promise<string>): LoadStream {
  const engine: Engine = {
    name: 'the daemon',
    host: 'unix:///docker.sock',
    facts: unused,
    ask: unused,
    async send(request) {
      const text = await load(request);
      const body = (async function* () {
        yield encoder.encode(text);
      })();
      return { status: 200, headers: {}, body };
    },
    async [Symbol.asyncDispose]() {},
  };
  return createLoadStream(engine);
}

/** Reads the files of a load to its end. */
async function filesOf({ body }: EngineRequest): Promise<readonly string[]> {
  const files: string[] = [];
  for await (const { name, body: bytes } of readTar(body?.open() ?? assert.fail()))
    files.push(`${name}: ${new TextDecoder().decode(await collect(bytes, { limit: 100, what: name }))}`);
  return files;
}

const file = (name: string, content: Content = bytesContent(encoder.encode(name))) => ({
  name,
  size: name.length,
  content,
});

/** Content of one byte that comes when the gate opens, or ends with its signal. */
function held(gate: Gate, more: Partial<Content> = {}): Content {
  return {
    replayable: true,
    ...more,
    async *open({ signal } = {}) {
      const aborted = new Promise<never>((_, reject) => {
        signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
      });
      await Promise.race([gate.opened, aborted]);
      yield encoder.encode('x');
    },
  };
}

const enough = new Error('enough');

describe('the tar of a load on its way to a daemon', () => {
  it('has the files in the order of their addition, and ends when the daemon has loaded them', async () => {
    let files: readonly string[] = [];
    const load = stream(async (request) => {
      assert.deepEqual(
        [request.method, request.path, request.query],
        ['POST', '/images/load', { quiet: '0' }],
      );
      files = await filesOf(request);
      return '{"progressDetail":{"current":5},"id":"a"}\n{"progressDetail":{"current":7},"id":"a"}\n';
    });
    assert.equal(load.hasBegun, false);
    const all = [load.add(file('b')), load.add(file('a')), load.add({ name: 'c/', type: 'directory' })];
    assert.equal(load.hasBegun, true);
    await Promise.all(all);
    const loaded: number[] = [];
    await load.finish({ onLoaded: (bytes) => loaded.push(bytes) });
    assert.deepEqual(files, ['b: b', 'a: a', 'c/: ']);
    assert.deepEqual(loaded, [5, 2]);
  });

  it('is a failure if the daemon answers before it has everything, for every waiting and later call', async () => {
    const load = stream(async () => '{"stream":"Loaded image: app:1"}\n');
    const all = [load.add(file('a')), load.add(file('b'))];
    for (const one of all) await assert.rejects(one, { code: 'UNEXPECTED_ANSWER', message: /the daemon/ });
    await assert.rejects(load.add(file('c')), { code: 'UNEXPECTED_ANSWER' });
    await assert.rejects(load.finish(), { code: 'UNEXPECTED_ANSWER' });
    await load.abandon();
  });

  it('breaks off with the error of a content, which its caller and all others get', async () => {
    const lost = new Error('the source is lost');
    const broken: Content = {
      replayable: true,
      async *open() {
        yield encoder.encode('x');
        throw lost;
      },
    };
    const load = stream(async (request) => {
      await filesOf(request);
      return '';
    });
    const settled = await Promise.allSettled([
      load.add(file('a')),
      load.add({ name: 'b', size: 2, content: broken }),
      load.add(file('c')),
    ]);
    assert.deepEqual(
      settled.map((one) => (one.status === 'rejected' ? one.reason : one.status)),
      ['fulfilled', lost, lost],
    );
    await assert.rejects(load.finish(), lost);
  });

  it('leaves out a waiting file that is aborted, and goes on with the others', async () => {
    const gate = createGate();
    let files: readonly string[] = [];
    const load = stream(async (request) => {
      files = await filesOf(request);
      return '';
    });
    const abort = new AbortController();
    const first = load.add({ name: 'a', size: 1, content: held(gate) });
    const second = load.add(file('b'), { signal: abort.signal });
    const third = load.add(file('c'));
    abort.abort(enough);
    await assert.rejects(second, enough);
    await assert.rejects(load.add(file('d'), { signal: abort.signal }), enough);
    gate.open();
    await Promise.all([first, third]);
    await load.finish();
    assert.deepEqual(files, ['a: x', 'c: c']);
  });

  it('breaks off when the file that is being sent is aborted', async () => {
    const opened = createGate();
    const content: Content = {
      replayable: true,
      async *open(options) {
        opened.open();
        yield* held(createGate()).open(options);
      },
    };
    const load = stream(async (request) => {
      await filesOf(request);
      return '';
    });
    const abort = new AbortController();
    const first = load.add({ name: 'a', size: 1, content }, { signal: abort.signal });
    const second = load.add(file('b'));
    await opened.opened;
    abort.abort(enough);
    for (const one of [first, second]) await assert.rejects(one, enough);
  });

  it('breaks off when its end is aborted, or the load is given up', async () => {
    for (const way of ['finish', 'abandon'] as const) {
      const seen: (AbortSignal | undefined)[] = [];
      const load = stream(
        ({ signal }) =>
          new Promise((_, reject) => {
            seen.push(signal);
            signal?.addEventListener('abort', () => reject(signal.reason), { once: true });
          }),
      );
      const added = load.add(file('a'));
      if (way === 'abandon') {
        await Promise.all([load.abandon(), assert.rejects(added, /given up/)]);
      } else {
        const abort = new AbortController();
        const finished = load.finish({ signal: abort.signal });
        abort.abort(enough);
        for (const one of [added, finished]) await assert.rejects(one, enough);
      }
      assert.equal(seen[0]?.aborted, true);
    }
  });

  it('opens the next remote source while the one before moves, and closes it if it is not needed', async () => {
    const [first, next] = [createGate(), createGate()];
    const opened = createGate();
    let isClosed = false;
    const remote: Content = {
      replayable: true,
      remote: true,
      async *open(options) {
        opened.open();
        try {
          yield* held(next).open(options);
        } finally {
          isClosed = true;
        }
      },
    };
    const load = stream(async (request) => {
      await filesOf(request);
      return '';
    });
    const twice: Content = {
      replayable: true,
      async *open(options) {
        yield encoder.encode('x');
        yield* held(first).open(options);
      },
    };
    const abort = new AbortController();
    const all = [
      load.add({ name: 'a', size: 2, content: twice }, { signal: abort.signal }),
      load.add({ name: 'b', size: 1, content: remote }),
    ];
    for (const one of all) one.catch(() => undefined);
    await opened.opened;
    abort.abort(enough);
    for (const one of all) await assert.rejects(one, enough);
    next.open();
    await load.abandon();
    assert.equal(isClosed, true);
  });
});
