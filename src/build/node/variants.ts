import { UnsupportedError } from '../../errors.ts';
import { formatPlatform, hostPlatform } from '../../spec/platform.ts';
import type { BuildTarget } from '../native/addons.ts';
import type { Dependencies, NodePackage } from './dependencies.ts';
import { isMadeFor } from './platforms.ts';

/**
 * Refuses a package with compiled code that is published in a package of its own for each system, and installed only for others. Names
 * such as `@img/sharp-linux-arm64` tell the system of those that are not installed.
 * @throws UNSUPPORTED naming the package, and the one that is missing
 */
export function checkVariants({ packages, own }: Dependencies, targets: readonly BuildTarget[]): void {
  for (const found of [...own.values(), ...packages.values()]) {
    const variants = found.needs.flatMap((path) => packages.get(path) ?? []).filter(isVariant);
    if (variants.length === 0) continue;
    for (const target of targets) {
      if (variants.some(({ manifest }) => isMadeFor(manifest, target))) continue;
      const missing = found.absent.find((name) => namesSystem(name, target));
      if (missing !== undefined) throw notInstalled(found, variants, missing, target);
    }
  }
}

function isVariant({ manifest: { os, cpu } }: NodePackage): boolean {
  return os.length > 0 && cpu.length > 0;
}

/** Whether a name has the words of npm for a system, such as `linux` and `arm64`. */
function namesSystem(name: string, { platform, libc = 'glibc' }: BuildTarget): boolean {
  const words = name.split(/[^a-z0-9]+/);
  const isMusl = words.some((word) => word.endsWith('musl'));
  if (platform.os === 'linux' && isMusl !== (libc === 'musl')) return false;
  const systems = words.map((word) => hostPlatform({ os: word.replace(/musl$/, ''), arch: word }));
  return (
    systems.some(({ os }) => os === platform.os) &&
    systems.some(({ architecture }) => architecture === platform.architecture)
  );
}

function notInstalled(
  { manifest: { name = 'the application' } }: NodePackage,
  variants: readonly NodePackage[],
  missing: string,
  { platform }: BuildTarget,
): UnsupportedError {
  const there = variants.map(({ manifest, path }) => manifest.name ?? path).join(', ');
  return new UnsupportedError(
    'build',
    `${name} needs ${missing} on ${formatPlatform(platform)}, and of its packages for single systems these are installed: ${there}. Install that one, too, or build only for the platforms that they are for, with --platform`,
  );
}
