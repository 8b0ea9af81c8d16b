import { UnsupportedError } from '../../errors.ts';
import { formatPlatform, matchesPlatform, type Platform } from '../../spec/platform.ts';
import type { LibC, ObjectFile } from './object-file.ts';

/** A compiled addon of Node in an image. */
export interface Addon {
  /** The path in the image. */
  readonly path: string;
  /** The path on disk, for messages. */
  readonly shown: string;
  readonly file: ObjectFile;
}

/** The system that an image runs on. */
export interface BuildTarget {
  readonly platform: Platform;
  /** The C library of the base; undefined if it is unknown. */
  readonly libc?: LibC | undefined;
}

/**
 * Refuses addons that the image's platform cannot load. Some packages bring files for many platforms and choose at run time,
 * so one that fits is enough for a package; but node-gyp's folder build/Release holds the one that Node loads.
 * @throws UNSUPPORTED naming the file, and the platform that it is for
 */
export function checkAddons(addons: Iterable<Addon>, target: BuildTarget): void {
  const packages = new Map<string, { fits: boolean; wrong: Addon | undefined }>();
  for (const addon of addons) {
    const fits = isFor(addon.file, target);
    if (!fits && /\/build\/(?:Release|Debug)\//.test(`/${addon.path}`)) throw unfit(addon, target);
    const known = packages.get(packageOf(addon.path)) ?? { fits: false, wrong: undefined };
    known.fits ||= fits;
    if (!fits) known.wrong ??= addon;
    packages.set(packageOf(addon.path), known);
  }
  for (const { fits, wrong } of packages.values())
    if (!fits && wrong !== undefined) throw unfit(wrong, target);
}

function isFor({ os, architectures, libc }: ObjectFile, target: BuildTarget): boolean {
  const { variant: _, ...wanted } = target.platform;
  if (!architectures.some((architecture) => matchesPlatform({ os, architecture }, wanted))) return false;
  return libc === undefined || target.libc === undefined || libc === target.libc;
}

/** Returns the folder of the package that a file in `node_modules` belongs to; '' for other files. */
function packageOf(path: string): string {
  const folder = '/node_modules/';
  const at = `/${path}`.lastIndexOf(folder);
  if (at < 0) return '';
  const [first = '', second = ''] = path.slice(at + folder.length - 1).split('/', 2);
  return `${path.slice(0, at)}/${first.startsWith('@') ? `${first}/${second}` : first}`;
}

function unfit({ shown, file }: Addon, { platform, libc }: BuildTarget): UnsupportedError {
  const { form, os, architectures } = file;
  const systems = architectures.map((one) => `${os}/${one}`).join(', ');
  const made = `${systems}${file.libc === undefined ? '' : ` with ${file.libc}`} (${form})`;
  const base = libc === undefined || file.libc === undefined || libc === file.libc ? '' : ` with ${libc}`;
  return new UnsupportedError(
    'build',
    `${shown} is compiled for ${made}, and the image is for ${formatPlatform(platform)}${base}: install the dependencies for that platform, or build only for the platforms that they are installed for with --platform`,
  );
}
