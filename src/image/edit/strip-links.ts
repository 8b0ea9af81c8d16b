import { isDistributable, layerCompression } from '../../spec/media-type.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { FileTree } from '../file-tree.ts';
import { createFileSystem } from '../filesystem.ts';
import type { Image } from '../image.ts';
import type { LayerChanges } from '../layer-changes.ts';
import { parentOf } from '../layer-names.ts';
import { layersOf, readHeaders } from '../open-file-system.ts';
import { isIn, type StrippedPaths } from './strip-plan.ts';

/** The paths to remove from one layer. */
export interface LayerStrip extends StrippedPaths {
  /** Differs for layers of which other names go away. */
  readonly key: string;
}

/**
 * Finds the paths to remove from each layer of an image, through linked folders: `/lib/x` also removes `usr/lib/x` where `/lib` is a
 * link to `usr/lib`, and the other way round. The links count as they are when the layer is applied. A link that is itself a path
 * to remove leaves its target. Reads the headers of all layers.
 */
export async function stripThroughLinks(
  image: Image,
  stripped: StrippedPaths,
  read: SignalOptions,
): Promise<(layer: number) => LayerStrip> {
  const fileSystem = createFileSystem();
  const detours: ReadonlyMap<string, string>[] = [];
  for (const named of await layersOf(image, read)) {
    const { mediaType } = named.layer;
    // Such a layer stays as it is, and its bytes may be nowhere at hand.
    const isRead = isDistributable(mediaType) && layerCompression(mediaType) !== undefined;
    const changes = isRead ? await readHeaders(named, fileSystem.tree.paths, read) : undefined;
    // Entries that cannot be applied lead nowhere.
    if (changes !== undefined) fileSystem.apply(changes);
    detours.push(changes === undefined ? new Map() : detoursIn(changes, fileSystem.tree));
  }
  const meant = new Map(stripped.paths.map((path) => [path, realPath(fileSystem.tree, path)]));
  return (layer) => stripOf(stripped, meant, detours[layer] ?? new Map());
}

function stripOf(
  stripped: StrippedPaths,
  meant: ReadonlyMap<string, string>,
  detours: ReadonlyMap<string, string>,
): LayerStrip {
  const names = new Map(
    [...detours].filter(([, path]) => [...meant.values()].some((real) => isIn(path, real))),
  );
  const matches = (path: string): readonly string[] =>
    [...meant].filter(([, real]) => isIn(names.get(path) ?? path, real)).map(([asked]) => asked);
  return {
    ...stripped,
    key: [...new Set([...meant.values(), ...names.keys()])].sort().join('\0'),
    has: (path) => stripped.has(path) || matches(path).length > 0,
    found(path) {
      stripped.found(path);
      for (const asked of matches(path)) stripped.found(asked);
    },
  };
}

/** Lists the names in a layer that lead through links, with the paths that they mean. */
function detoursIn(changes: LayerChanges, tree: FileTree): ReadonlyMap<string, string> {
  const { paths, removed, emptied } = changes;
  const found = new Map<string, string>();
  const parents = new Map<number, string>();
  const note = (path: number): void => {
    const parent = paths.parentOf(path);
    const real = parents.get(parent) ?? realFolder(tree, paths.textOf(parent));
    parents.set(parent, real);
    if (real === paths.textOf(parent)) return;
    const text = paths.textOf(path);
    found.set(text, joined(real, text));
  };
  for (let entry = 0; entry < changes.count; entry++) {
    note(changes.pathOf(entry));
    const target = changes.targetOf(entry);
    if (target !== undefined) note(target);
  }
  for (const path of [...removed, ...emptied]) note(path);
  return found;
}

/** Returns a path with the links of its folders resolved, and not itself. */
function realPath(tree: FileTree, path: string): string {
  return joined(realFolder(tree, parentOf(path)), path);
}

function realFolder(tree: FileTree, path: string): string {
  if (path === '.') return path;
  const found = tree.walk(path, { follow: true });
  return typeof found === 'string' ? path : tree.paths.textOf(found);
}

function joined(folder: string, path: string): string {
  const name = path.slice(path.lastIndexOf('/') + 1);
  return folder === '.' ? name : `${folder}/${name}`;
}
