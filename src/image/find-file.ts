import { ContentError } from '../errors.ts';
import { maxLinks } from './file-tree.ts';
import { shown } from './layer-changes.ts';
import { type LayerNames, parentOf } from './layer-names.ts';

/** The layer and the position in its tar from which a path has its content. */
export interface Found {
  /** The path without symbolic links in it. */
  readonly path: string;
  readonly layer: number;
  readonly position: number;
}

/** A directory that a path leads through; `layer` is 0 if no layer lists it. */
interface Directory {
  readonly kind: 'directory';
  readonly layer: number;
}

type Seen =
  | Directory
  | { readonly kind: 'symlink'; readonly linkname: string }
  | ({ readonly kind: 'file' } & Omit<Found, 'path'>)
  | 'missing'
  | 'unsure';

/** Returns the names of a layer, which are read when first needed. */
export type ReadNames = (layer: number) => Promise<LayerNames>;

/**
 * Finds a path from the top layer down, and reads no layer below the one that decides. Follows symbolic links within the
 * root. Returns `unsure` if only the merged tree can tell: an upper layer may have changed the path under another name,
 * through a symbolic link of a lower one.
 * @throws MANIFEST_INVALID when the links form a loop
 */
export async function findFile(
  path: string,
  layers: number,
  names: ReadNames,
  { follow = true }: { readonly follow?: boolean } = {},
): Promise<Found | 'missing' | 'directory' | 'unsure'> {
  /** The directories that lead to the current one. */
  const above: { readonly path: string; readonly directory: Directory }[] = [];
  const root = { path: '.', directory: { kind: 'directory', layer: 0 } } as const;
  const todo = path.split('/').toReversed();
  let links = 0;
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      above.pop();
      continue;
    }
    const parent = above.at(-1) ?? root;
    const next = parent.path === '.' ? part : `${parent.path}/${part}`;
    const seen = await lookAt(next, parent.directory, layers, names);
    if (typeof seen === 'string') return seen;
    const isLast = todo.every((step) => step === '' || step === '.');
    if (seen.kind === 'directory') above.push({ path: next, directory: seen });
    else if (seen.kind === 'file')
      return isLast ? { path: next, layer: seen.layer, position: seen.position } : 'missing';
    else if (isLast && !follow) return 'unsure';
    else {
      if (++links > maxLinks) {
        throw new ContentError('MANIFEST_INVALID', `the symbolic links of "${shown(path)}" form a loop`);
      }
      if (seen.linkname.startsWith('/')) above.length = 0;
      todo.push(...seen.linkname.split('/').toReversed());
    }
  }
  return 'directory';
}

/** Returns the kind of a path from the layers below `top`. Its directory is no symbolic link. */
async function lookAt(path: string, parent: Directory, top: number, names: ReadNames): Promise<Seen> {
  // Entries in directories that no layer lists may make directories, also behind a link that leads nowhere.
  let isLoose = false;
  let isImplied = false;
  for (let layer = top - 1; layer >= 0; layer--) {
    const own = await names(layer);
    if (own.mayChange(path) || ancestorsOf(path).some((one) => own.mayChange(one))) return 'unsure';
    const entry = own.entryOf(path);
    if (entry !== undefined) {
      const { type, linkname = '', position } = own.changes.headerOf(entry);
      const target = own.changes.targetOf(entry);
      // Where the layer does not list the directory, that must be one already, and no link that an upper layer replaced.
      if (!own.isSolid(path) && parent.layer > layer) return 'unsure';
      if (isImplied && type !== 'directory') return 'unsure';
      if (type === 'directory') return { kind: 'directory', layer };
      if (type === 'symlink') return { kind: 'symlink', linkname };
      if (target === undefined) return { kind: 'file', layer, position };
      return targetOf(own.changes.paths.textOf(target), layer, names);
    }
    isLoose ||= own.isLoose;
    isImplied ||= own.isImplied(path);
    if (endsHere(path, own)) break;
  }
  return isLoose ? 'unsure' : 'missing';
}

/** Whether a layer hides the path in all layers below. */
function endsHere(path: string, names: LayerNames): boolean {
  if (names.isRemoved(path)) return true;
  return ancestorsOf(path).some((one) => {
    const entry = names.entryOf(one);
    const isOther = entry !== undefined && names.changes.typeOf(entry) !== 'directory';
    return isOther || names.isEmptied(one) || names.isRemoved(one);
  });
}

function ancestorsOf(path: string): readonly string[] {
  const found: string[] = [];
  for (let at = path; at !== '.'; ) {
    at = parentOf(at);
    found.push(at);
  }
  return found;
}

/** A hard link names a file of its own layer, or else the file as the layers below have it. */
async function targetOf(target: string, layer: number, names: ReadNames): Promise<Seen> {
  const own = await names(layer);
  const entry = own.entryOf(target);
  if (entry === undefined && own.mayChange(target)) return 'unsure';
  if (entry !== undefined) {
    if (own.changes.targetOf(entry) !== undefined) return 'unsure';
    const { type, linkname = '', position } = own.changes.headerOf(entry);
    if (type === 'symlink') return { kind: 'symlink', linkname };
    return type === 'directory' ? 'unsure' : { kind: 'file', layer, position };
  }
  const found = await findFile(target, layer, names, { follow: false });
  return typeof found === 'string' ? 'unsure' : { kind: 'file', ...found };
}
