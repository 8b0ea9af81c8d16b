import { spawnSync } from 'node:child_process';
import { mkdir, symlink, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** Puts something in the place of a file. */
export type Plant = (path: string) => Promise<unknown>;

/** Everything that can stand in the place of a small file, with its name in test titles. */
export const plants: readonly (readonly [what: string, plant: Plant])[] = [
  ['a folder with something in it', (path) => mkdir(join(path, 'below'), { recursive: true })],
  ['a link to itself', (path) => symlink(path, path)],
  ['a link that leads nowhere', (path) => symlink(`${path}.nowhere`, path)],
  [
    'a pipe',
    async (path) => {
      if (spawnSync('mkfifo', [path]).status !== 0) await mkdir(path);
    },
  ],
  [
    'a file that is far too long',
    async (path) => {
      await writeFile(path, '');
      await truncate(path, 6 * 1024 * 1024);
    },
  ],
];
