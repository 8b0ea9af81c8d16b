import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { gzipSync } from 'node:zlib';
import { collect } from '../../src/flow/collect.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { createImage } from '../../src/image/create.ts';
import type { Image } from '../../src/image/image.ts';
import { createLayer } from '../../src/image/layer.ts';
import { type TarFileWithBody, writeTar } from '../../src/tar/write.ts';
import { folder } from '../folder.ts';

/** An entry of a layer. A text is the content of a file. */
export type Item = readonly [name: string, what?: string | Partial<TarFileWithBody>];

export const dir: Partial<TarFileWithBody> = { type: 'directory' };
export const symlink = (linkname: string): Partial<TarFileWithBody> => ({ type: 'symlink', linkname });
export const hard = (linkname: string): Partial<TarFileWithBody> => ({ type: 'link', linkname });

export async function layerOf(items: readonly Item[]): Promise<Uint8Array> {
  const files = items.map(([name, what = '']) => {
    if (typeof what !== 'string') return { name, ...what };
    const body = new TextEncoder().encode(what);
    return { name, size: body.byteLength, body: [body] };
  });
  return collect(writeTar(files), { limit: 2 ** 26, what: 'tar' });
}

export async function imageOf(...layers: readonly (readonly Item[])[]): Promise<Image> {
  const tars = await Promise.all(layers.map(layerOf));
  return createImage({
    config: { os: 'linux', architecture: 'amd64' },
    layers: tars.map((tar) => createLayer(bytesContent(gzipSync(tar)))),
  });
}

/** Folders for an unpacking and its attacks. */
export interface Stage {
  /** The folder to unpack into, which does not exist yet. */
  readonly out: string;
  /** Content that no unpacking may touch. */
  readonly outside: string;
  /** Everything but `out`, as lines. */
  readonly rest: () => readonly string[];
}

export async function stage(test: TestContext): Promise<Stage> {
  const home = await folder(test);
  // Another user must reach it.
  chmodSync(home, 0o755);
  const [outside, parent] = [join(home, 'outside'), join(home, 'parent')];
  for (const path of [outside, parent, join(parent, 'out-evil')]) mkdirSync(path);
  for (const path of [outside, join(parent, 'out-evil')]) writeFileSync(join(path, 'victim'), 'untouched');
  const out = join(parent, 'out');
  return {
    out,
    outside,
    rest: () =>
      linesOf(home).filter((line) => !line.startsWith('parent/out ') && !line.startsWith('parent/out/')),
  };
}

/** Lists a folder as lines: the path, the kind or mode, and the content or target. */
export function linesOf(root: string, prefix = ''): readonly string[] {
  return readdirSync(join(root, prefix))
    .toSorted()
    .flatMap((name) => {
      const path = join(prefix, name);
      const seen = lstatSync(join(root, path));
      if (seen.isSymbolicLink()) return [`${path} -> ${readlinkSync(join(root, path))}`];
      if (seen.isDirectory()) return [`${path} /`, ...linesOf(root, path)];
      return [`${path} = ${readFileSync(join(root, path), 'utf8')}`];
    });
}
