import { chmod, copyFile, cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../project.ts';
import type { Platform } from './platforms.ts';

export interface PackagesOptions {
  /** The executable files, in folders with the names of their platforms. */
  readonly executables: string;
  /** The folder of the standalone script. */
  readonly script: string;
  readonly target: string;
}

/** The npm package of the command line, and the beginning of the names of the packages with the files. */
const packageName = 'gantry-cli';

/**
 * Makes the folders of npm packages: `gantry-cli`, and one for each executable file, which npm installs beside it where
 * it fits. The library stays without them: a program that uses it needs no 100 MB more.
 */
export async function makePackages(
  platforms: readonly Platform[],
  { executables, script, target }: PackagesOptions,
): Promise<void> {
  const root = projectRoot();
  const { version, license, repository }: Record<string, unknown> = JSON.parse(
    await readFile(join(root, 'package.json'), 'utf8'),
  );
  const shared = { version, license, repository };
  await rm(target, { recursive: true, force: true });

  const main = join(target, packageName);
  await mkdir(join(main, 'bin'), { recursive: true });
  await cp(script, join(main, 'script'), { recursive: true });
  await writeFile(join(main, 'bin', 'gantry'), launcher(platforms));
  await chmod(join(main, 'bin', 'gantry'), 0o755);
  await writeManifest(main, {
    name: packageName,
    ...shared,
    description:
      'The command line of gantry, as an executable file where one fits, and else as a script for Node.',
    // On Windows npm can start a script only with the program that it names. The file for Windows needs no launcher.
    os: ['!win32'],
    bin: { gantry: 'bin/gantry' },
    optionalDependencies: Object.fromEntries(
      platforms.filter(({ os }) => os !== 'win32').map(({ name }) => [`${packageName}-${name}`, version]),
    ),
  });
  await copyFile(join(root, 'LICENSE'), join(main, 'LICENSE'));

  for (const { name, os, cpu, fileName } of platforms) {
    const folder = join(target, `${packageName}-${name}`);
    await mkdir(folder, { recursive: true });
    await copyFile(join(executables, name, fileName), join(folder, fileName));
    await chmod(join(folder, fileName), 0o755);
    await writeManifest(folder, {
      name: `${packageName}-${name}`,
      ...shared,
      description: `The command line of gantry as an executable file for ${name}.`,
      os: [os],
      cpu: [cpu],
      ...(os === 'linux' ? { libc: ['glibc'] } : {}),
      bin: { gantry: fileName },
      preferUnplugged: true,
    });
    await copyFile(join(root, 'LICENSE'), join(folder, 'LICENSE'));
    await writeFile(join(folder, 'LICENSES.txt'), await licences(script));
  }
}

/** Bun has no file with its licences in its npm package. */
async function licences(script: string): Promise<string> {
  const bun = `Bun, under the MIT licence. It contains JavaScriptCore and WebKit, under the LGPL 2, and other libraries:
https://bun.sh/docs/project/licensing lists them with their sources.
`;
  return `${bun}\n${await readFile(join(script, 'LICENSES.txt'), 'utf8')}`;
}

async function writeManifest(folder: string, manifest: Readonly<Record<string, unknown>>): Promise<void> {
  await writeFile(join(folder, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

const machines: Readonly<Record<string, string>> = {
  'linux-x64': 'Linux x86_64',
  'linux-arm64': 'Linux aarch64',
  'darwin-arm64': 'Darwin arm64',
  'darwin-x64': 'Darwin x86_64',
};

/**
 * Returns the program that npm links. A shell starts in a millisecond, where Node takes longer than the executable
 * file itself. npm puts a package beside this one or below it.
 */
function launcher(platforms: readonly Platform[]): string {
  const cases = platforms
    .filter(({ name }) => machines[name] !== undefined)
    .map(({ name }) => `'${machines[name]}') name=${packageName}-${name} ;;`);
  return `#!/bin/sh
# Runs gantry: the executable file for this machine, or the script with Node where npm installed none.
file=$(readlink -f "$0") || exit 1
here=\${file%/bin/gantry}
case $(uname -sm) in
${cases.join('\n')}
*) name= ;;
esac
if [ -n "$name" ]; then
  for program in "$here/node_modules/$name/gantry" "\${here%/*}/$name/gantry"; do
    if [ -x "$program" ]; then exec "$program" "$@"; fi
  done
fi
exec node "$here/script/gantry.cjs" "$@"
`;
}
