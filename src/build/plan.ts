import { posix, resolve } from 'node:path';
import { InputError, NotFoundError } from '../errors.ts';
import { imagePath } from './check-settings.ts';
import { chooseSources } from './choose.ts';
import { namedStats, pathsBelow } from './disk.ts';
import { givenLayers } from './given-layers.ts';
import { readIgnoreFile } from './ignore-file.ts';
import type { BuildTarget } from './native/addons.ts';
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
  /** Whether the C library of the base decides about packages. */
  readonly needsLibc: boolean;
  /** Whether the layers are those of a Node application, so that gantry knows the packages in them. */
  readonly hasPackages: boolean;
  /**
   * Plans the layers of images for these systems.
   * @throws UNSUPPORTED when a package is not installed for one of them
   */
  readonly layersFor: (targets: readonly BuildTarget[]) => readonly PlannedLayer[];
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
  const node =
    manifest && (await findNodeApp(folder, manifest, { hasCommand, isWhole: layers === undefined }));
  const place = node === undefined || node.app === '' ? workingDir : posix.join(workingDir, node.app);
  const plan = { node, workingDir: place, needsLibc: false, hasPackages: false };
  if (layers !== undefined)
    return { ...plan, layersFor: givenLayers(folder, layers, { ...settings, outputs, placing }) };
  const root = node?.root ?? folder;
  const { path, rules } = readIgnoreFile(folder, settings.ignore);
  const except = pathsBelow(root, path === undefined ? outputs : [...outputs, path]);
  if (node !== undefined) {
    const needsLibc = [...node.dependencies.packages.values()].some(
      ({ manifest: { libc } }) => libc.length > 0,
    );
    const layersFor: BuildPlan['layersFor'] = (targets) =>
      nodeLayers(node, { targets, placing, except, rules });
    return { ...plan, needsLibc, hasPackages: true, layersFor };
  }
  const choose = chooseSources([''], { except, ignore: [{ folder: '', rules }] });
  const layer = plannedLayer({ name: 'files', root, choose, ...placing });
  return { ...plan, layersFor: () => [layer] };
}

/** Returns the whole seconds since 1970 of a time. */
function secondsOf(created: string | undefined): number {
  return created === undefined ? 0 : Math.floor(Date.parse(created) / 1000);
}
