import { relative, resolve, sep } from 'node:path';
import { InputError, NotFoundError } from '../errors.ts';
import type { Platform } from '../spec/platform.ts';
import { imagePath } from './check-settings.ts';
import { chooseSources } from './choose.ts';
import { namedStats } from './disk.ts';
import { givenLayers } from './given-layers.ts';
import { readIgnoreFile } from './ignore-file.ts';
import { findNodeApp, type NodeApp } from './node/node-app.ts';
import { nodeLayers } from './node/node-layers.ts';
import { readPackageJson } from './node/package-json.ts';
import type { BuildSettings } from './options.ts';
import { type PlannedLayer, plannedLayer } from './planned-layer.ts';

/** Everything that a folder says about its image. Only small files such as package.json have been read yet. */
export interface BuildPlan {
  readonly node: NodeApp | undefined;
  /** The working directory in the image. */
  readonly workingDir: string;
  readonly layersFor: (platforms: readonly Platform[]) => readonly PlannedLayer[];
}

/** Settings of `planBuild`. */
interface PlanOptions {
  /** Paths that the build writes to, which do not come into the image. */
  readonly outputs?: readonly string[] | undefined;
}

/**
 * Looks at a folder.
 * @throws NAME_UNKNOWN when there is no such folder
 * @throws INVALID_OPTION when neither the folder nor the settings name a command; also the errors of `findNodeApp`
 */
export async function planBuild(
  directory: string,
  settings: BuildSettings,
  { outputs = [] }: PlanOptions = {},
): Promise<BuildPlan> {
  const folder = resolve(directory);
  const stats = namedStats(folder);
  if (stats === undefined) throw new NotFoundError('NAME_UNKNOWN', `there is no folder ${directory}`);
  if (!stats.isDirectory()) throw new InputError('INVALID_OPTION', `${directory} is no folder`);
  const { entrypoint, cmd, layers, workingDir = '/app' } = settings;
  const manifest = readPackageJson(folder, '');
  const hasCommand = entrypoint !== undefined;
  if (manifest === undefined && !hasCommand && cmd === undefined && layers === undefined)
    throw new InputError(
      'INVALID_OPTION',
      `${directory} has no package.json that names its command: say which one the image runs, with --entrypoint`,
    );
  const placing = { to: imagePath(workingDir), mtime: secondsOf(settings.created) };
  const node = manifest && (await findNodeApp(folder, manifest, { hasCommand }));
  const place = node === undefined || node.app === '' ? workingDir : `${workingDir}/${node.app}`;
  if (layers !== undefined) {
    const given = givenLayers(folder, layers, { ...settings, placing });
    return { node, workingDir: place, layersFor: given };
  }
  const root = node?.root ?? folder;
  const except = new Set(outputs.flatMap((path) => pathBelow(root, path) ?? []));
  const ignoreFile = readIgnoreFile(folder, settings.ignore);
  for (const path of ignoreFile.path === undefined ? [] : [ignoreFile.path])
    except.add(pathBelow(root, path) ?? '');
  if (node !== undefined) {
    const rules = ignoreFile.rules;
    return {
      node,
      workingDir: place,
      layersFor: (wanted) => nodeLayers(node, { wanted, placing, except, rules }),
    };
  }
  const choose = chooseSources([''], { except, ignore: [{ folder: '', rules: ignoreFile.rules }] });
  const layer = plannedLayer({ name: 'files', root, choose, ...placing });
  return { node, workingDir: place, layersFor: () => [layer] };
}

/** Returns a path below the root of the build; undefined for any other. */
function pathBelow(root: string, path: string): string | undefined {
  const below = relative(root, resolve(path));
  return below === '' || below.startsWith('..') ? undefined : below.split(sep).join('/');
}

/** Returns the whole seconds since 1970 of a time. */
function secondsOf(created: string | undefined): number {
  return created === undefined ? 0 : Math.floor(Date.parse(created) / 1000);
}
