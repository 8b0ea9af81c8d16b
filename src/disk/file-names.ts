import { join } from 'node:path';
import { type Digest, digestAlgorithm, digestEncoded, isDigest } from '../spec/digest.ts';

/** Names that Windows keeps for devices, with any extension. A store must be movable, so they are avoided everywhere. */
const device = /^(?:con|prn|aux|nul|com\d|lpt\d)(?:\.|$)/;

/** The layout of a repository stands in this folder of it; a name's component never begins with `_`. */
export const layoutFolder = '_layout';
/** What a layout has no place for: manifests' types, tags, referrers, and what is put aside to be removed. */
export const stateFolder = '_gantry';

/** `a/b` stands in `a/b`, beside `a/_layout`: nested repositories and the folders of one can't meet. */
export function repositoryPath(root: string, name: string): string {
  return join(root, ...name.split('/').map((part) => (device.test(part) ? `_${part}` : part)));
}

/** The component of a repository's name that a folder stands for, if it is one. */
export function componentOf(folder: string): string | undefined {
  if (!folder.startsWith('_')) return folder;
  return device.test(folder.slice(1)) ? folder.slice(1) : undefined;
}

/**
 * A tag as a file name: lower-cased, then which letters were capitals, as bits in hexadecimal. `RC` and `rc` are two
 * files then, also where the file system sees no difference; `_` and `.tag` keep it from being a device's name, from
 * being hidden and from ending with a dot.
 */
export function tagFile(tag: string): string {
  let capitals = 0n;
  for (let at = 0; at < tag.length; at++) {
    if (isCapital(tag.charCodeAt(at))) capitals |= 1n << BigInt(at);
  }
  return `_${tag.toLowerCase()}${capitals === 0n ? '' : `=${capitals.toString(16)}`}.tag`;
}

/** The tag that a file stands for; `undefined` for a file that is something else, e.g. a temporary one. */
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

/** A digest as a file name: a colon is no character of a Windows one. */
export function fileOf(digest: Digest): string {
  return `${digestAlgorithm(digest)}-${digestEncoded(digest)}`;
}

/** The digest that a file stands for, if it is one. */
export function digestOfFile(file: string): Digest | undefined {
  const digest = file.replace('-', ':');
  return isDigest(digest) ? digest : undefined;
}
