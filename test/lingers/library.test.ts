import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Repository } from '../../src/store/contract.ts';
import { emptyConfig, give, imageOf } from '../../src/testing/contract/sample.ts';
import type { Fault } from '../../src/testing/faults.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { finished, startProgram } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { openStage } from './stage.ts';

const stage = openStage(3 * 1024 * 1024);
const program = fileURLToPath(new URL('library.js', import.meta.url));

const scenes: readonly { readonly name: string; readonly faults: readonly Fault[] }[] = [
  { name: 'no fault', faults: [] },
  {
    name: 'answers that never come',
    faults: [{ effect: { stall: { of: 'answer', after: 0 } }, times: { every: 3 } }],
  },
  {
    name: 'bodies that stand still',
    faults: [{ effect: { stall: { of: 'answer', after: 1 } }, times: { every: 2 } }],
  },
  {
    name: 'bodies that are cut, both ways',
    faults: [
      { when: { method: 'GET' }, effect: { cut: { of: 'answer', after: 1 } }, times: { every: 2 } },
      {
        when: { operation: ['upload.append', 'upload.commit'] },
        effect: { cut: { of: 'request', after: 1_100_000 } },
        times: 2,
      },
    ],
  },
  {
    name: 'refusals, and silence for the rest',
    faults: [
      { effect: { status: 403 }, times: { every: 2 } },
      { effect: { stall: { of: 'answer', after: 0 } }, times: { every: 3 } },
    ],
  },
];

/** Puts more tags than a client requests at once, and referrers of an image. */
async function giveTags(app: Repository): Promise<void> {
  await give(app, emptyConfig);
  const image = await app.manifests.get('1');
  await app.manifests.put(image, { tags: Array.from({ length: 12 }, (_, at) => `v${at}`) });
  for (const by of ['one', 'two', 'three']) {
    await app.manifests.put(imageOf({ subject: image.descriptor, annotations: { by } }));
  }
}

describe('a program that uses the library', { concurrency: 2 }, () => {
  for (const { name, faults } of scenes) {
    it(`left-behind: a client does not hold the process after ${name}`, {
      timeout: 300_000,
    }, async (test) => {
      const held = await stage.filled();
      const app = held.repository('app', { actions: ['pull', 'push'] });
      await giveTags(app);
      await using registry = await startRegistry({ registry: held, faults });
      await using other = await startRegistry({ registry: await stage.filled() });
      const place = await stage.place({ host: registry.host, other: other.host });
      const argument = JSON.stringify({ ...place, folder: await folder(test) });
      const child = startProgram(process.execPath, [program, argument]);
      atEnd(test, () => child.kill('SIGKILL'));
      const { stdout, stderr, code } = await finished(child);
      assert.equal(code, 0, stderr);
      const lines = stdout.trim().split('\n');
      assert.ok(lines.length > 10, stdout);
      const left = lines.filter((line) => !line.endsWith('"open":[],"closed":[]}'));
      assert.deepEqual(left, []);
    });
  }
});
