import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { gantry } from '../cli/gantry.ts';
import { idOf, stage } from '../daemon/stage.ts';
import { folder } from '../folder.ts';
import { npmApp, writeFiles } from './stage.ts';

describe('building into a docker daemon', () => {
  for (const store of ['containerd', 'classic'] as const) {
    it(`An image goes straight into a ${store} store, with its second name and without a registry.`, async (test) => {
      const at = await stage(test, { store });
      const home = join(await folder(test), 'web');
      await writeFiles(home, npmApp);
      const words = [
        'build',
        home,
        '-b',
        `${at.app}:1`,
        '-t',
        'docker-daemon:acme/web:1',
        '-t',
        'docker-daemon:web:2',
      ];
      const ended = await gantry(words, { env: at.env });
      assert.equal(ended.code, 0, ended.stderr);
      assert.notEqual(idOf(at, 'acme/web:1'), undefined);
      assert.equal(idOf(at, 'web:2'), idOf(at, 'acme/web:1'));
      assert.equal(at.daemon.loads.length, 1);
    });
  }
});
