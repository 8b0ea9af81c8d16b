import { formatPlatform } from '../../spec/platform.ts';
import { choosePackages, chooseSources, type FolderRules } from '../choose.ts';
import { joinedPath } from '../disk.ts';
import type { EntryOptions } from '../entries.ts';
import type { IgnoreRules } from '../ignore.ts';
import { readIgnoreFile } from '../ignore-file.ts';
import type { BuildTarget } from '../native/addons.ts';
import { type PlannedLayer, plannedLayer } from '../planned-layer.ts';
import type { NodeApp } from './node-app.ts';
import { groupByPlatform } from './platforms.ts';
import { checkVariants } from './variants.ts';

interface NodeLayerOptions {
  /** The systems of the images. */
  readonly targets: readonly BuildTarget[];
  readonly placing: Pick<EntryOptions, 'to' | 'mtime'>;
  /** Paths below the root that never come into the image. */
  readonly except: ReadonlySet<string>;
  /** The ignore file of the application. */
  readonly rules: IgnoreRules;
}

/**
 * Plans the layers of a Node application from the one that changes least to the one that changes most: its dependencies, those
 * that are compiled for some platforms, its workspace packages, and the application itself.
 */
export function nodeLayers(node: NodeApp, options: NodeLayerOptions): readonly PlannedLayer[] {
  return [...dependencyLayers(node, options), ...sourceLayers(node, options)];
}

function dependencyLayers(
  { root, dependencies }: NodeApp,
  { targets, placing }: NodeLayerOptions,
): readonly PlannedLayer[] {
  checkVariants(dependencies, targets);
  const { packages, own, links } = dependencies;
  const ownFolders = new Set(own.keys());
  const groups = groupByPlatform(packages, targets);
  const isShared = groups.some(({ platforms }) => platforms === undefined);
  const hasLinks = [...links.values()].some((folder) => ownFolders.has(folder));
  const all =
    isShared || !hasLinks ? groups : [{ platforms: undefined, folders: new Set<string>() }, ...groups];
  return all.map(({ platforms, folders }) => {
    const linked = platforms === undefined ? ownFolders : new Set<string>();
    const choose = choosePackages(dependencies, folders, linked);
    const name =
      platforms === undefined
        ? 'dependencies'
        : `dependencies for ${platforms.map((platform) => formatPlatform(platform)).join(', ')}`;
    return plannedLayer({ name, root, choose, platforms, ...placing });
  });
}

function sourceLayers(node: NodeApp, { placing, except, rules }: NodeLayerOptions): readonly PlannedLayer[] {
  const { root, app, dependencies } = node;
  const others = [...dependencies.own.keys()].filter((folder) => folder !== app);
  const installed = [app, ...others].map((folder) => joinedPath(folder, 'node_modules'));
  const ignore: readonly FolderRules[] = [
    { folder: app, rules },
    ...others.map((folder) => ({ folder, rules: readIgnoreFile(joinedPath(root, folder), undefined).rules })),
  ];
  const without = (more: readonly string[]): ReadonlySet<string> =>
    new Set([...except, ...installed, ...more]);
  const layerOf = (name: string, folders: readonly string[], left: readonly string[]): PlannedLayer =>
    plannedLayer({
      name,
      root,
      choose: chooseSources(folders, { except: without(left), ignore }),
      ...placing,
    });
  const application = layerOf('application', [app], others);
  return others.length === 0 ? [application] : [layerOf('workspace packages', others, []), application];
}
