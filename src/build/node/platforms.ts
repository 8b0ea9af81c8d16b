import { hostPlatform, type Platform } from '../../spec/platform.ts';
import type { BuildTarget } from '../native/addons.ts';
import type { NodePackage } from './dependencies.ts';
import type { PackageJson } from './package-json.ts';

/** Packages for the same of the wanted platforms. */
export interface PackageGroup {
  /** Undefined for packages that all of them need. */
  readonly platforms: readonly Platform[] | undefined;
  readonly folders: ReadonlySet<string>;
}

/**
 * Groups packages by the platforms that they are made for, those for all platforms first. Packages with compiled code are often
 * published once for each platform. One for none of the wanted platforms is in no group.
 */
export function groupByPlatform(
  packages: ReadonlyMap<string, NodePackage>,
  targets: readonly BuildTarget[],
): readonly PackageGroup[] {
  const groups = new Map<
    string,
    { readonly platforms: readonly Platform[]; readonly folders: Set<string> }
  >();
  for (const { path, manifest } of packages.values()) {
    const fitting = targets.filter((target) => isMadeFor(manifest, target)).map(({ platform }) => platform);
    if (fitting.length === 0) continue;
    const key = fitting.length === targets.length ? '' : JSON.stringify(fitting);
    const group = groups.get(key) ?? { platforms: fitting, folders: new Set() };
    group.folders.add(path);
    groups.set(key, group);
  }
  const keys = [...groups.keys()].sort();
  return keys.flatMap((key) => {
    const group = groups.get(key);
    return group === undefined ? [] : [{ ...group, ...(key === '' ? { platforms: undefined } : {}) }];
  });
}

/** Whether a package is made for a system, by the fields of its package.json. */
export function isMadeFor({ os, cpu, libc }: PackageJson, { platform, libc: have }: BuildTarget): boolean {
  return (
    permits(os, (name) => hostPlatform({ os: name, arch: 'x64' }).os === platform.os) &&
    permits(
      cpu,
      (name) => hostPlatform({ os: 'linux', arch: name }).architecture === platform.architecture,
    ) &&
    (have === undefined || permits(libc, (name) => name === have))
  );
}

/** Applies npm's rule: a name with `!` excludes, and names without it are the only ones. */
function permits(names: readonly string[], fits: (name: string) => boolean): boolean {
  const included = names.filter((name) => !name.startsWith('!'));
  const excluded = names.filter((name) => name.startsWith('!')).map((name) => name.slice(1));
  if (excluded.some(fits)) return false;
  return included.length === 0 || included.includes('any') || included.some(fits);
}
