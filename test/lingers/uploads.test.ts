import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { uploads } from './rows.ts';
import { uploadScenes } from './scenes.ts';
import { openStage, settled } from './stage.ts';

// Larger than the buffers of a connection, so a registry that reads nothing is noticed.
const stage = openStage(16 * 1024 * 1024);

for (const scene of uploadScenes) {
  describe(`after ${scene.name}`, { concurrency: 2 }, () => {
    for (const [name, line] of Object.entries(uploads)) {
      it(`lingers-after-cut-push: nothing holds the process of ${name}`, {
        timeout: 180_000,
      }, async (test) => {
        assert.equal(await stage.play(test, line, scene, { holds: 'nothing' }), settled);
      });
    }
  });
}
