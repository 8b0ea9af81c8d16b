import { realpathSync } from 'node:fs';
import { basename, dirname, resolve } from 'node:path';
import { InputError, NotFoundError } from '../errors.ts';
import { matchesPlatform, toPlatform } from '../spec/platform.ts';
import { imagePath } from './check-settings.ts';
import { chooseSources } from './choose.ts';
import { joinedPath, namedStats, pathsBelow } from './disk.ts';
import type { EntryOptions } from './entries.ts';
import { readIgnoreFile } from './ignore-file.ts';
import type { BuildTarget } from './native/addons.ts';
import type { BuildLayer, BuildSettings } from './options.ts';
import { type PlannedLayer, plannedLayer } from './planned-layer.ts';
import { isNeverTaken } from './secrets.ts';
import type { Choose } from './walk.ts';

interface GivenOptions extends Pick<BuildSettings, 'ignore'> {
  /** Where files go by default. */
  readonly placing: Pick<EntryOptions, 'to' | 'mtime'>;
  /** Paths that the build writes to. */
  readonly outputs: readonly string[];
}

/**
 * Plans the layers that the settings name.
 * @throws NAME_UNKNOWN when there is no such file or folder
 */
export function givenLayers(
  folder: string,
  layers: readonly BuildLayer[],
  options: GivenOptions,
): (targets: readonly BuildTarget[]) => readonly PlannedLayer[] {
  const planned = layers.map((layer) => ({ layer, plan: givenLayer(folder, layer, options) }));
  return (targets) =>
    planned.flatMap(({ layer, plan }) => {
      const asked = layer.platforms?.map(toPlatform);
      if (asked === undefined) return [plan];
      const platforms = targets
        .map(({ platform }) => platform)
        .filter((have) => asked.some((one) => matchesPlatform(have, one)));
      return platforms.length === 0 ? [] : [{ ...plan, platforms }];
    });
}

function givenLayer(folder: string, layer: BuildLayer, given: GivenOptions): PlannedLayer {
  const { ignore, outputs, placing } = given;
  const { from, to, owner, mode } = layer;
  const named = resolve(folder, from);
  const stats = namedStats(named);
  if (stats === undefined) throw new NotFoundError('NAME_UNKNOWN', `there is no file or folder ${named}`);
  const path = realpathSync(named);
  for (const one of [named, path]) {
    if (isNeverTaken(basename(one)))
      throw new InputError(
        'INVALID_OPTION',
        `${named} never comes into an image, since such files hold secrets`,
      );
  }
  const options = { mtime: placing.mtime, owner, mode };
  const place = to === undefined ? placing.to : imagePath(to);
  if (stats.isDirectory()) {
    const { rules } = readIgnoreFile(path, ignore);
    const choose = chooseSources([''], {
      except: pathsBelow(path, outputs),
      ignore: [{ folder: '', rules }],
    });
    return plannedLayer({ name: from, root: path, choose, to: place, ...options });
  }
  const [root, name] = [dirname(path), basename(path)];
  const as = to === undefined || to.endsWith('/') ? joinedPath(place, basename(from)) : place;
  const choose: Choose = (found) => (found === name ? 'take' : 'leave');
  return plannedLayer({ name: from, root, choose, to: '', as, ...options });
}
