import { join } from 'node:path';
import { type Digest, digestAlgorithm, digestEncoded, isDigest } from '../spec/digest.ts';

/**
 * Names that Windows keeps for devices, with any extension. They are avoided everywhere, so that a store can be
 * moved.
 */
const device = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/;

/** The folder with the layout of a repository. A component of a name never begins with `_`. */
export const layoutFolder = '_layout';
/** The folder for everything that a layout has no place for: types of manifests, tags, referrers and the trash. */
export const stateFolder = '_gantry';

/**
 * Returns the folder of a repository. `a/b` stands in `a/b`, beside `a/_layout`, so nested repositories never collide
 * with the folders of one.
 */
export function repositoryPath(root: string, name: string): string {
  return join(root, ...name.split('/').map((part) => (device.test(part) ? `_${part}` : part)));
}

/** Returns the component of a repository's name that the folder stands for; undefined for another folder. */
export function componentOf(folder: string): string | undefined {
  if (!folder.startsWith('_')) return folder;
  return device.test(folder.slice(1)) ? folder.slice(1) : undefined;
}

/**
 * Returns the file name of a tag: in lower case, followed by the positions of the capitals as bits in hexadecimal. So
 * `RC` and `rc` are two files on every file system. With `_` and `.tag` the name is never that of a device, is not
 * hidden, and does not end with a dot.
 */
export function tagFile(tag: string): string {
  let capitals = 0n;
  for (let at = 0; at < tag.length; at++) {
    if (isCapital(tag.charCodeAt(at))) capitals |= 1n << BigInt(at);
  }
  return `_${tag.toLowerCase()}${capitals === 0n ? '' : `=${capitals.toString(16)}`}.tag`;
}

/** Returns the tag that the file stands for; undefined for another file, such as a temporary one. */
export function tagOfFile(file: string): string | undefined {
  const parts = /^_([a-z0-9_.-]+)(?:=([0-9a-f]+))?\.tag$/.exec(file);
  if (parts?.[1] === undefined) return undefined;
  const capitals = BigInt(`0x${parts[2] ?? '0'}`);
  return parts[1]
    .split('')
    .map((letter, at) => ((capitals >> BigInt(at)) & 1n ? letter.toUpperCase() : letter))
    .join('');
}

function isCapital(unit: number): boolean {
  return unit >= 65 && unit <= 90;
}

/** Returns the file name of a digest: Windows allows no colon in one. */
export function fileOf(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestEncoded(digest)}`;
}

/** Returns the digest that the file stands for; undefined for another file. */
export function digestOfFile(file: string): Digest | undefined {
  const digest = file.replace('-', ':');
  return isDigest(digest) ? digest : undefined;
}
