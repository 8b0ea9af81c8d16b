import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { type Ended, finished, startGantry, startProgram } from './gantry.ts';
import { makeImage, makeIndex, store } from './images.ts';

/** `HOST` stands for a registry of its own for each program, with the same content. `#` stands for a digest of it. */
const rows: readonly (readonly [title: string, lines: readonly string[]])[] = [
  [
    'a tag is added and moved',
    ['tag HOST/app:1 new', 'tag HOST/index:1 new', 'digest HOST/app:new', 'ls HOST/app'],
  ],
  ['a tag of another repository is no digest', ['tag HOST/none:1 new', 'ls HOST/none']],
  ['a tag that is none is refused', ['tag HOST/app:1 no/tag', 'ls HOST/app']],
  ['an image is copied by digest', ['copy HOST/app@# HOST/copy:1', 'digest HOST/copy:1', 'ls HOST/copy']],
  ['an index is copied whole', ['copy HOST/index:1 HOST/copy:1', 'manifest HOST/copy:1']],
  [
    'one platform of an index is copied',
    ['copy --platform linux/arm64 HOST/index:1 HOST/copy:1', 'manifest HOST/copy:1', 'config HOST/copy:1'],
  ],
  [
    'a missing platform is not copied',
    ['copy --platform linux/s390x HOST/index:1 HOST/copy:1', 'ls HOST/copy'],
  ],
  ['a missing image is not copied', ['copy HOST/app:none HOST/copy:1', 'ls HOST/copy']],
  ['every tag is copied', ['copy -a HOST/app HOST/copy', 'ls HOST/copy', 'digest HOST/copy:latest']],
  [
    'existing tags stay',
    ['copy HOST/app:1 HOST/copy:1', 'copy -a -n HOST/index HOST/copy', 'digest HOST/copy:1'],
  ],
  ['an image is deleted by digest', ['delete HOST/app@#', 'ls HOST/app', 'digest HOST/app:1']],
  ['a missing image is not deleted', ['delete HOST/app:none', 'ls HOST/app']],
  [
    'a digest is asked by digest',
    ['digest HOST/app@#', 'digest --full-ref HOST/app@#', 'manifest HOST/app@#'],
  ],
  [
    'the config of a digest is the config of its image',
    ['config HOST/app@#', 'validate --remote HOST/app@#'],
  ],
  ['an archive has the digest of its image', ['pull HOST/app:1 a.tar', 'validate --tarball a.tar']],
  [
    'the layout of several images is not pushed as one image',
    ['pull --format=oci HOST/app:1 HOST/index:1 l', 'push l HOST/both:1', 'ls HOST/both'],
  ],
  ['a tag and a digest together mean the digest', ['digest HOST/app:none@#', 'manifest HOST/app:latest@#']],
];

describe('situations in which crane and gantry do the same', needs('crane'), () => {
  for (const [title, lines] of rows) {
    it(`crane and gantry print the same and fail alike: ${title}`, async (test) => {
      const run = async (tool: 'crane' | 'gantry'): Promise<unknown> => {
        await using registry = await startRegistry();
        const { digest } = await store(registry.registry, 'app', ['1', 'latest'], await makeImage('hello'));
        await store(registry.registry, 'index', ['1'], await makeIndex('hello'));
        const cwd = await folder(test);
        const ends: unknown[] = [];
        for (const line of lines) {
          const words = line.replaceAll('HOST', registry.host).replaceAll('#', digest).split(' ');
          const child = tool === 'crane' ? startProgram(tool, words, { cwd }) : startGantry(words, { cwd });
          const { code, stdout }: Ended = await finished(child);
          ends.push({ line, ok: code === 0, stdout: stdout.replaceAll(registry.host, 'HOST') });
        }
        return ends;
      };
      assert.deepEqual(await run('gantry'), await run('crane'));
    });
  }
});
