import { statSync } from 'node:fs';
import { isSurePath } from '../client/path-place.ts';
import { type Place, parsePlace } from '../client/place.ts';

/** An index on a command line. */
export interface GivenIndex {
  readonly place: Place;
  /** True for the path of a folder: its index is index.json, the list of all images of the layout. */
  readonly index: boolean;
  /** The text, unless it is the path of a folder. It gives a result its name. */
  readonly name: string | undefined;
}

/** Returns the index that a text names. */
export function indexGiven(text: string): GivenIndex {
  if (isLayoutPath(text)) return { place: { kind: 'oci', path: text }, index: true, name: undefined };
  return { place: parsePlace(text), index: false, name: text };
}

/** True for the path of a folder, and for a path where nothing exists yet: a layout to make. */
export function isLayoutPath(text: string): boolean {
  return isSurePath(text) && !isFile(text);
}

function isFile(path: string): boolean {
  try {
    return statSync(path).isFile();
  } catch {
    // The opening of the layout reports the reason.
    return false;
  }
}
