import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bytesContent } from '../../src/flow/content.ts';
import { createMemoryRegistry } from '../../src/memory/registry.ts';
import { createApp } from '../../src/server/app.ts';
import type { Registry } from '../../src/store/contract.ts';
import { blobOf, give, noise } from '../../src/testing/contract/sample.ts';
import { type Fault, operationKinds, startRegistry, withFaults } from '../../src/testing/index.ts';
import { createManualClock } from '../../src/time/clock.test.support.ts';
import type { HttpResponse, Send } from '../../src/wire/message.ts';

const layer = blobOf(noise(100_000));
const layerUrl = `/v2/a/blobs/${layer.descriptor.digest}`;

interface Asked {
  readonly body?: Uint8Array;
  readonly signal?: AbortSignal;
}

function ask(send: Send, line: string, { body, signal }: Asked = {}): Promise<HttpResponse> {
  const [method = '', url = ''] = line.split(' ');
  const content = body === undefined ? {} : { body: bytesContent(body) };
  return send({ method, url, headers: {}, replay: 'never', ...content, ...(signal && { signal }) });
}

async function statuses(send: Send, lines: readonly string[]): Promise<number[]> {
  const all: number[] = [];
  for (const line of lines) all.push((await ask(send, line)).status);
  return all;
}

async function textOf({ body }: HttpResponse): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of body) chunks.push(new Uint8Array(chunk));
  return Buffer.concat(chunks).toString();
}

/** Starts a registry that has the layer and these faults. */
async function faulty(...faults: readonly Fault[]): Promise<{ send: Send; registry: Registry }> {
  const registry = createMemoryRegistry();
  await give(registry.repository('a'), layer);
  return { send: withFaults(faults)(createApp(registry)), registry };
}

/** No registry has this status, so only a fault can cause it. */
const effect = { status: 599 };

const lines = [
  'GET /v2/',
  'GET /v2/a/tags/list?n=1',
  'GET /v2/b/tags/list',
  'HEAD /v2/a/manifests/1',
  'POST /v2/a/blobs/uploads/',
  'GET /token?scope=x',
];

const conditions: readonly [name: string, when: Fault['when'], struck: readonly number[]][] = [
  ['no condition is every request', undefined, [0, 1, 2, 3, 4, 5]],
  ['a method', { method: 'POST' }, [4]],
  ['the kind of an operation', { operation: 'tags.list' }, [1, 2]],
  ['any of several kinds', { operation: ['ping', 'upload.start'] }, [0, 4]],
  ['a repository, whatever is done there', { repository: 'a' }, [1, 3, 4]],
  ['all that is named at once', { repository: 'a', operation: 'tags.list' }, [1]],
  ['a path, without its query', { path: '/v2/a/tags/list' }, [1]],
  ['a path that is no endpoint', { path: '/token' }, [5]],
  ['a pattern for a part of the path', { path: /tags|uploads/ }, [1, 2, 4]],
  ['a function', ({ url, operation }) => operation !== undefined && url.includes('b'), [2, 4]],
];

describe('a fault strikes by', () => {
  for (const [name, when, struck] of conditions) {
    it(`a fault with this condition strikes the right requests: ${name}`, async () => {
      const { send } = await faulty({ ...(when && { when }), effect, times: 'always' });
      const seen = (await statuses(send, lines)).flatMap((status, at) => (status === 599 ? [at] : []));
      assert.deepEqual(seen, struck);
    });
  }
});

const counts: readonly [name: string, faults: readonly Fault[], seen: readonly number[]][] = [
  ['once, if nothing else is said', [{ effect }], [599, 200, 200, 200, 200, 200]],
  ['the first so many times', [{ effect, times: 2 }], [599, 599, 200, 200, 200, 200]],
  ['always', [{ effect, times: 'always' }], [599, 599, 599, 599, 599, 599]],
  ['every third time', [{ effect, times: { every: 3 } }], [200, 200, 599, 200, 200, 599]],
  [
    'in the order of the list, one at a time',
    [{ effect, times: 2 }, { effect: { status: 598 } }],
    [599, 599, 598, 200, 200, 200],
  ],
  [
    'past those that are for other requests',
    [{ when: { method: 'PUT' }, effect: { status: 598 } }, { effect }],
    [599, 200, 200, 200, 200, 200],
  ],
];

describe('a fault strikes', () => {
  for (const [name, faults, seen] of counts) {
    it(`a fault with these times strikes the right requests: ${name}`, async () => {
      const { send } = await faulty(...faults);
      assert.deepEqual(await statuses(send, Array<string>(6).fill('GET /v2/')), seen);
    });
  }
});

describe('a fault', () => {
  it('a fault answers with a status, headers and a body in place of the registry', async () => {
    const headers = { 'Retry-After': '7', 'www-authenticate': ['Basic realm="a"', 'Bearer realm="b"'] };
    const { send } = await faulty({ effect: { status: 429, headers, body: 'slower' } });
    const response = await ask(send, 'POST /v2/new/blobs/uploads/');
    assert.equal(response.status, 429);
    assert.deepEqual(response.headers['retry-after'], ['7']);
    assert.deepEqual(response.headers['www-authenticate'], headers['www-authenticate']);
    assert.deepEqual(response.headers['content-length'], ['6']);
    assert.equal(await textOf(response), 'slower');
    assert.equal(response.headers['location'], undefined);
  });

  it('a fault answers a HEAD without the body', async () => {
    const { send } = await faulty({ effect: { status: 503, body: 'busy' } });
    assert.equal(await textOf(await ask(send, `HEAD ${layerUrl}`)), '');
  });

  it("a fault changes and removes headers of the registry's own response", async () => {
    const headers = { 'docker-content-digest': `sha256:${'0'.repeat(64)}`, etag: [] };
    const { send } = await faulty({ effect: { headers } });
    const response = await ask(send, `HEAD ${layerUrl}`);
    assert.equal(response.status, 200);
    assert.deepEqual(response.headers['docker-content-digest'], [headers['docker-content-digest']]);
    assert.equal(response.headers['etag'], undefined);
    assert.deepEqual(response.headers['content-length'], ['100000']);
  });

  it("a fault replaces the body of the registry's own response", async () => {
    const { send } = await faulty({ effect: { body: new Uint8Array(5) } });
    const response = await ask(send, `GET ${layerUrl}`);
    assert.deepEqual(response.headers['content-length'], ['5']);
    assert.equal(await textOf(response), '\0'.repeat(5));
  });

  it('a fault makes one request wait, and lets others pass', async () => {
    const clock = createManualClock();
    const late: Fault = { when: { method: 'HEAD' }, effect: { latency: 1000 } };
    const send = withFaults([late], { clock })(createApp(createMemoryRegistry()));
    let answered = false;
    const slow = ask(send, `HEAD ${layerUrl}`).finally(() => {
      answered = true;
    });
    assert.equal(await clock.waiting(), 1000);
    assert.equal((await ask(send, 'GET /v2/')).status, 200);
    await clock.advance(999);
    assert.equal(answered, false);
    await clock.advance(1);
    assert.equal((await slow).status, 404);
  });

  it('a waiting fault ends with its request', async () => {
    const { send } = await faulty({ effect: { latency: 3_600_000 } });
    const abort = new AbortController();
    const slow = ask(send, 'GET /v2/', { signal: abort.signal });
    abort.abort(new Error('enough'));
    await assert.rejects(slow, /enough/);
  });

  it('a fault can be any function', async () => {
    const { send } = await faulty({
      effect: (next) => async (request) => ({ ...(await next(request)), status: 299 }),
    });
    assert.equal((await ask(send, 'GET /v2/')).status, 299);
  });

  it('a fault cuts a response after a number of bytes', async () => {
    const { send } = await faulty({ effect: { cut: { of: 'answer', after: 70_000 } } });
    const { status, body } = await ask(send, `GET ${layerUrl}`);
    assert.equal(status, 200);
    assert.deepEqual(await readUntilItFails(body), { length: 70_000, code: 'CUT_OFF' });
    assert.equal((await textOf(await ask(send, `GET ${layerUrl}`))).length > 70_000, true);
  });

  it('a fault loses the response to a request that the registry has obeyed', async () => {
    const { send, registry } = await faulty({ effect: { cut: { of: 'answer', after: 0 } } });
    const blob = blobOf('lost');
    const upload = ask(send, `POST /v2/a/blobs/uploads/?digest=${blob.descriptor.digest}`, {
      body: blob.bytes,
    });
    await assert.rejects(upload, { code: 'CUT_OFF' });
    assert.notEqual(await registry.repository('a').blobs.stat(blob.descriptor.digest), undefined);
  });

  it('a fault cuts a request after a number of bytes, which the registry has', async () => {
    const { send } = await faulty({
      when: { method: 'PATCH' },
      effect: { cut: { of: 'request', after: 70_000 } },
    });
    const session = await startSession(send);
    await assert.rejects(ask(send, `PATCH ${session}`, { body: layer.bytes }), { code: 'CUT_OFF' });
    assert.deepEqual((await ask(send, `GET ${session}`)).headers['range'], ['0-69999']);
  });

  it('a fault cuts a request without a body before the registry sees it', async () => {
    const { send, registry } = await faulty({ effect: { cut: { of: 'request', after: 0 } } });
    await assert.rejects(ask(send, `DELETE ${layerUrl}`), { code: 'CUT_OFF' });
    assert.notEqual(await registry.repository('a').blobs.stat(layer.descriptor.digest), undefined);
  });

  for (const of of ['request', 'answer'] as const) {
    it(`a fault does not strike a body that is shorter than its place in the ${of}`, async () => {
      const { send } = await faulty({ effect: { cut: { of, after: 1000 } } });
      const { digest } = blobOf('short').descriptor;
      const line = `POST /v2/a/blobs/uploads/?digest=${digest}`;
      assert.equal((await ask(send, line, { body: blobOf('short').bytes })).status, 201);
    });
  }

  it('a fault stalls a response after a number of bytes, until the client gives up', async () => {
    const { send } = await faulty({ effect: { stall: { of: 'answer', after: 70_000 } } });
    const abort = new AbortController();
    const { body } = await ask(send, `GET ${layerUrl}`, { signal: abort.signal });
    let length = 0;
    await assert.rejects(async () => {
      for await (const chunk of body) {
        length += chunk.byteLength;
        if (length === 70_000) setImmediate(() => abort.abort(new Error('enough')));
      }
    }, /enough/);
    assert.equal(length, 70_000);
  });

  it('a fault stalls a request after a number of bytes, until the client gives up', async () => {
    const { send } = await faulty({
      when: { method: 'PATCH' },
      effect: { stall: { of: 'request', after: 10 } },
    });
    const url = await startSession(send);
    const abort = new AbortController();
    const content = {
      replayable: false,
      async *open() {
        yield noise(10);
        setImmediate(() => abort.abort(new Error('enough')));
        yield noise(10);
      },
    };
    const request = { method: 'PATCH', url, headers: {}, replay: 'never', body: content } as const;
    await assert.rejects(send({ ...request, signal: abort.signal }), /enough/);
    assert.deepEqual((await ask(send, `GET ${url}`)).headers['range'], ['0-9']);
  });
});

async function startSession(send: Send): Promise<string> {
  const { headers } = await ask(send, 'POST /v2/a/blobs/uploads/');
  return headers['location']?.[0] ?? '';
}

async function readUntilItFails(body: AsyncIterable<Uint8Array>): Promise<{ length: number; code: unknown }> {
  let length = 0;
  try {
    for await (const chunk of body) length += chunk.byteLength;
  } catch (error) {
    return { length, code: error instanceof Error && 'code' in error ? error.code : error };
  }
  return { length, code: undefined };
}

describe('faults that were scripted', () => {
  const cutLayer: Fault = {
    when: { operation: 'blob.get' },
    effect: { cut: { of: 'answer', after: 70_000 } },
  };

  it('unstruck-faults: faults that never struck are reported by their place', async () => {
    const faults = withFaults([
      { effect },
      { when: { operation: 'blob.delete' }, effect },
      { ...cutLayer, optional: true },
    ]);
    const send = faults(createApp(createMemoryRegistry()));
    await ask(send, 'GET /v2/');
    assert.throws(() => faults.assertStruck(), {
      code: 'INVALID_OPTION',
      message: /^1 of 3 .*faults\[1\].*blob\.delete/,
    });
    await ask(send, `DELETE ${layerUrl}`);
    faults.assertStruck();
  });

  it('unstruck-faults: faults that never struck fail the first close of their registry', async () => {
    const registry = await startRegistry({ faults: [cutLayer] });
    await assert.rejects(registry.close(), { code: 'INVALID_OPTION', message: /never struck/ });
    await registry.close();
  });

  for (const of of ['request', 'answer'] as const) {
    for (const times of [1, { every: 2 }] as const) {
      it(`unstruck-faults: a ${of} too short for a cut does not use it up, ${JSON.stringify(times)}`, async () => {
        const faults = withFaults([
          { when: { method: 'POST' }, effect: { cut: { of, after: 10_000 } }, times },
        ]);
        const send = faults(createApp(createMemoryRegistry()));
        const post = async (bytes: Uint8Array): Promise<number> => {
          const { digest } = blobOf(bytes).descriptor;
          const response = await ask(send, `POST /v2/a/blobs/uploads/?digest=${digest}`, { body: bytes });
          await textOf(response);
          return response.status;
        };
        for (let at = 0; at < 4; at++) assert.equal(await post(noise(100 + at)), 201);
        assert.throws(() => faults.assertStruck());
        if (of === 'answer') return;
        await assert.rejects(post(noise(20_000)), { code: 'CUT_OFF' });
        faults.assertStruck();
      });
    }
  }

  it('unstruck-faults: requests name the fault that struck them', async () => {
    const slow: Fault = { when: { operation: 'catalog' }, effect: { status: 429 } };
    const registry = await startRegistry({ faults: [slow] });
    for (const path of ['/v2/', '/v2/_catalog', '/v2/_catalog'])
      await (await fetch(`${registry.url}${path}`)).text();
    assert.deepEqual(
      registry.requests.map(({ status, fault }) => [status, fault === slow]),
      [
        [200, false],
        [429, true],
        [200, false],
      ],
    );
    await registry.close();
  });

  it('unstruck-faults: misspelled faults are refused with a proposal', () => {
    const wrong: readonly [fault: unknown, words: RegExp][] = [
      [{ when: { operation: 'blob.gte' }, effect }, /did you mean "blob\.get"/],
      [{ when: { operations: 'blob.get' }, effect }, /did you mean "operation"/],
      [{ effect: { cutt: {} } }, /did you mean "cut"/],
      [{ effect: { cut: { of: 'body', after: 1 } } }, /"request", "answer"/],
      [{ effect, times: 'twice' }, /"times" takes/],
    ];
    for (const [fault, message] of wrong) {
      assert.throws(() => Reflect.apply(withFaults, undefined, [[fault]]), {
        code: 'INVALID_OPTION',
        message,
      });
    }
  });

  it('unstruck-faults: the kinds of operations in faults come from a list', () => {
    assert.ok(operationKinds.length >= 17 && operationKinds.includes('blob.get'));
  });
});
