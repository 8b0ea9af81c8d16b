import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import { type OutputChunk, rolldown } from 'rolldown';
import { projectRoot } from '../../scripts/project.ts';
import { startRegistry } from '../../src/testing/index.ts';
import { secret } from '../secret.ts';

/** The part of a browser's global scope that the bundle gets, and nothing of Node. A timer of a browser is a number. */
const browserGlobals = {
  ...pick(
    'AbortController',
    'AbortSignal',
    'TextDecoder',
    'TextEncoder',
    'URL',
    'atob',
    'btoa',
    'crypto',
    'fetch',
  ),
  ...pick(
    'DOMException',
    'CompressionStream',
    'DecompressionStream',
    'ReadableStream',
    'WritableStream',
    'performance',
  ),
  // Streams and `fetch` belong to the realm of the test, and so must the types that they share with the bundle.
  ...pick('ArrayBuffer', 'DataView', 'Error', 'TypeError', 'Uint8Array', 'Uint32Array', 'queueMicrotask'),
  clearTimeout: (timer: number) => clearTimeout(timer),
  setTimeout: (act: () => void, milliseconds: number) => Number(setTimeout(act, milliseconds)),
};

function pick(...names: readonly string[]): Readonly<Record<string, unknown>> {
  return Object.fromEntries(names.map((name) => [name, Reflect.get(globalThis, name)]));
}

/** Bundles the program of this test for a browser, into one script that sets the variable `program`. */
async function bundled(): Promise<OutputChunk> {
  const bundling = await rolldown({
    input: join(projectRoot(), 'dist', 'test', 'core', 'program.js'),
    platform: 'browser',
    resolve: { conditionNames: ['browser', 'import', 'default'] },
  });
  const { output } = await bundling.generate({ format: 'iife', name: 'program', codeSplitting: false });
  await bundling.close();
  const [script, ...others] = output;
  assert.deepEqual(others, []);
  return script;
}

type Step = (base: string, password: string) => Promise<unknown>;

/** Runs the script where only the variables of a browser exist. */
async function openPage(): Promise<Readonly<Record<'push' | 'pull' | 'pullDamaged' | 'logIn', Step>>> {
  const { code } = await bundled();
  return runInNewContext(`${code}; program`, { ...browserGlobals });
}

describe('gantry/core in a browser', () => {
  it('the bundle of gantry/core imports no module, and hashes without node:crypto', async () => {
    const { code, fileName, imports, dynamicImports, moduleIds } = await bundled();
    assert.deepEqual(
      [...imports, ...dynamicImports].filter((name) => name !== fileName),
      [],
    );
    assert.doesNotMatch(code, /(?:from|import|require)[ (]*["'`]node:/);
    assert.ok(moduleIds.some((id) => id.includes('@noble')));
  });

  it('a program without the modules of Node pushes and pulls an image over fetch', async () => {
    await using registry = await startRegistry();
    const page = await openPage();
    const pushed = await page.push(registry.url, '');
    const stored = registry.registry.repository('web/app', { actions: ['pull'] });
    const root = await stored.manifests.get('1');
    assert.equal(root.body.kind === 'image' && root.body.layers.length, 2);
    assert.deepEqual(pushed, await page.pull(registry.url, ''));
    assert.ok(typeof pushed === 'object' && pushed !== null && 'root' in pushed);
    assert.equal(pushed.root, root.descriptor.digest);
  });

  it('a program without the modules of Node refuses a damaged blob and keeps no manifest', async () => {
    await using registry = await startRegistry();
    const page = await openPage();
    await page.push(registry.url, '');
    await using damaging = await startRegistry({
      registry: registry.registry,
      faults: [
        {
          when: { operation: 'blob.get' },
          times: 'always',
          effect: (next) => async (request) => {
            const response = await next(request);
            return { ...response, body: damaged(response.body) };
          },
        },
      ],
    });
    const refused = structuredClone(await page.pullDamaged(damaging.url, ''));
    assert.deepEqual(refused, { code: 'DIGEST_INVALID', kept: false });
  });

  it('a program without the modules of Node logs in at a token service', async () => {
    const password = secret('browser-password');
    await using open = await startRegistry();
    const page = await openPage();
    await page.push(open.url, '');
    const manifest = await open.registry.repository('web/app', { actions: ['pull'] }).manifests.resolve('1');
    await using locked = await startRegistry({ registry: open.registry, login: { users: { me: password } } });
    const answers = structuredClone(await page.logIn(locked.url, password));
    assert.deepEqual(answers, { digest: manifest?.digest, anonymous: 'UNAUTHORIZED' });
  });
});

/** Changes the first byte of each chunk. */
async function* damaged(body: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  for await (const chunk of body) {
    const copy = Uint8Array.from(chunk);
    copy[0] = (copy[0] ?? 0) ^ 1;
    yield copy;
  }
}
