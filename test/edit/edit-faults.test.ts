import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { chmod, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { describe, it, type TestContext } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { isGantryError } from '../../src/errors.ts';
import type { FaultEffect } from '../../src/testing/faults.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { command, gantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { file, imageOf, put, tarOf } from './stage.ts';

/** A registry whose requests fail from one of them on. */
interface Scene {
  readonly app: string;
  /** Lets the requests fail from this one on, from 0, or no request. */
  readonly failFrom: (request: number | undefined) => void;
  readonly digest: () => Promise<string | undefined>;
  readonly config: string;
}

async function scene(test: TestContext, effect: FaultEffect): Promise<Scene> {
  let [first, seen] = [Number.POSITIVE_INFINITY, 0];
  const registry = await startRegistry({
    faults: [{ when: () => seen++ >= first, effect, times: 'always', optional: true }],
  });
  atEnd(test, () => registry.close());
  const image = imageOf({ layers: [await tarOf(file('a', 'one'))], config: { author: 'Ada' } });
  await put({ registry }, 'app', image);
  const repository = registry.registry.repository('app', { actions: ['pull'] });
  return {
    app: `${registry.host}/app:1`,
    failFrom(request) {
      [first, seen] = [request ?? Number.POSITIVE_INFINITY, 0];
    },
    digest: async () => (await repository.manifests.resolve('1'))?.digest,
    config: new TextDecoder().decode(image.blobs[0]?.bytes),
  };
}

/** The registry asks for a wait that is longer than gantry waits. */
const busy: FaultEffect = { status: 503, headers: { 'retry-after': '3600' } };
const reset: FaultEffect = { cut: { of: 'answer', after: 0 } };

describe('a registry that fails while an image is edited', () => {
  it('A 503 from any request on ends edit config with 1, and leaves the tag.', async (test) => {
    const at = await scene(test, busy);
    const before = await at.digest();
    const input = at.config.replace('Ada', 'Eve');
    let request = 0;
    for (; ; request++) {
      at.failFrom(request);
      const { code, stderr } = await gantry(['edit', 'config', at.app], { input });
      if (code === 0) break;
      assert.equal(code, 1, stderr);
      assert.equal(stderr.trimEnd().split('\n').length, 1, stderr);
      assert.equal(await at.digest(), before, `request ${request}`);
    }
    assert.ok(request >= 4, String(request));
    assert.notEqual(await at.digest(), before);
  });

  it('A connection that breaks in any answer on ends edit with a TransportError, and leaves the tag or has moved it.', async (test) => {
    const at = await scene(test, reset);
    const before = await at.digest();
    await using client = createClient({ keychain: async () => undefined, retry: { attempts: 1 } });
    let request = 0;
    for (; ; request++) {
      at.failFrom(request);
      const failure = await client
        .edit(at.app, (image) => image.withConfig({ author: 'Eve' }))
        .then(
          () => undefined,
          (error: unknown) => error,
        );
      if (failure === undefined) break;
      assert.ok(isGantryError(failure));
      assert.equal(
        (failure.name === 'CopyError' ? failure.cause : failure)?.constructor.name,
        'TransportError',
      );
      // The registry has done what the lost answer was about, so the last request may have moved the tag.
      if ((await at.digest()) !== before) break;
    }
    assert.ok(request >= 4, String(request));
  });
});

/** Runs a command on a terminal, with an editor that is a shell script. */
async function onTerminal(test: TestContext, editor: string, words: readonly string[]) {
  const [script, temporary] = [join(await folder(test), 'editor'), await folder(test)];
  await writeFile(script, `#!/bin/sh\n${editor}\n`);
  await chmod(script, 0o755);
  const line = [...command, ...words].map((word) => `'${word}'`).join(' ');
  const child = spawn('script', ['-qec', line, '/dev/null'], {
    env: { ...process.env, EDITOR: script, VISUAL: '', TERM: 'dumb', TMPDIR: temporary },
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => child.on('close', resolve));
  const shown = await text(child.stdout);
  const kept = await readdir(temporary, { recursive: true, withFileTypes: true });
  const files = kept.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return { shown, code: await ended, files };
}

describe('text from an editor', needs('script'), () => {
  // id: edit-text-kept
  it('The text stays on disk if the registry fails or the text is refused, and the command says where.', async (test) => {
    const at = await scene(test, busy);
    for (const [editor, failFrom] of [
      ['sed -i s/Ada/Eve/ "$1"', 2],
      ['echo no config > "$1"', undefined],
      ['echo half > "$1"; exit 1', undefined],
    ] as const) {
      at.failFrom(failFrom);
      const { shown, code, files } = await onTerminal(test, editor, ['edit', 'config', at.app]);
      assert.equal(code, 1, shown);
      const [kept = ''] = files;
      assert.equal(files.length, 1);
      assert.ok(shown.includes(`the edited text is kept in ${kept}`), shown);
      assert.match(await readFile(kept, 'utf8'), /Eve|no config|half/);
    }
  });

  it('No text stays after a success, without a change, or if the editor saved nothing.', async (test) => {
    const at = await scene(test, busy);
    for (const editor of ['sed -i s/Ada/Eve/ "$1"', 'true', 'exit 1']) {
      const { shown, files } = await onTerminal(test, editor, ['edit', 'config', at.app]);
      assert.deepEqual(files, [], shown);
    }
  });
});
