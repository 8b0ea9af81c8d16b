import { UnsupportedError } from '../errors.ts';

/**
 * The newest version of the API that gantry knows: from 1.48 on, an image is saved for one platform, and from 1.52 on for
 * several.
 * @see https://docs.docker.com/reference/api/engine/version-history/
 */
export const newestVersion = '1.52';
/** The version of Docker 1.12, of 2016. All that gantry needs is older. */
export const oldestVersion = '1.24';

/**
 * Returns the version that gantry and the daemon speak: the lower one of both newest ones. `theirs` is the daemon's newest
 * one; before 1.24, daemons do not say it.
 * @throws UNSUPPORTED when the daemon is too old
 */
export function commonVersion(theirs: string | undefined, daemon: string): string {
  const newest = theirs !== undefined && /^\d+\.\d+$/.test(theirs) ? theirs : oldestVersion;
  if (!isAtLeast(newest, oldestVersion)) {
    throw new UnsupportedError(
      'docker daemon',
      `${daemon} speaks API ${newest} at most, and gantry needs ${oldestVersion}, of Docker 1.12: update the daemon`,
    );
  }
  return isAtLeast(newest, newestVersion) ? newestVersion : newest;
}

/** Compares versions by number: 1.9 is before 1.44. */
export function isAtLeast(version: string, least: string): boolean {
  const [major = 0, minor = 0] = version.split('.').map(Number);
  const [leastMajor = 0, leastMinor = 0] = least.split('.').map(Number);
  return major > leastMajor || (major === leastMajor && minor >= leastMinor);
}
