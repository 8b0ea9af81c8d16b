import assert from 'node:assert/strict';
import { it } from 'node:test';
import { uploads } from './rows.ts';
import type { Scene } from './scenes.ts';
import { openStage, settled } from './stage.ts';

const stage = openStage(3 * 1024 * 1024);

/** All bytes of the first chunk have arrived. */
const cut: Scene = {
  name: 'an upload that is cut between two chunks',
  faults: () => [
    {
      when: { operation: ['upload.append', 'upload.commit'] },
      effect: { cut: { of: 'request', after: 1024 * 1024 - 1 } },
    },
  ],
};

it('lingers-after-cut-push: nothing holds the process of a push that is cut between two chunks', async (test) => {
  const late = new URL('late-read.js', import.meta.url).href;
  assert.equal(await stage.play(test, uploads.push, cut, { holds: 'nothing', before: [late] }), settled);
});
