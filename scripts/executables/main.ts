import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { bundle, packageManifest } from '../bundle.ts';
import { projectRoot } from '../project.ts';
import { buildExecutable, checkExecutable } from './build.ts';
import { makePackages } from './packages.ts';
import { platforms } from './platforms.ts';
import { findProgram, run } from './run.ts';

/**
 * `npm run build:executables -- [PLATFORM...] [--pack]` makes the command line as one executable file for each platform,
 * and checks the files as far as this machine can. Then it makes the folders of the npm packages with them. The results
 * are in `dist/executables`. `--pack` also compresses the files for a download, and fails above 45 MB.
 */
/** Megabytes. */
const limit = 45;

const root = projectRoot();
const compiled = join(root, 'dist');
const target = join(compiled, 'executables');
const wanted = process.argv.slice(2).filter((argument) => argument !== '--pack');
const unknown = wanted.find((name) => !platforms.some((platform) => platform.name === name));
if (unknown !== undefined) {
  throw new Error(`there is no platform ${unknown}: ${platforms.map(({ name }) => name).join(', ')}`);
}
const chosen = platforms.filter(({ name }) => wanted.length === 0 || wanted.includes(name));
const { version } = await packageManifest(root);

await rm(target, { recursive: true, force: true });
const script = join(target, 'script');
await bundle(compiled, { target: script, standalone: true });
for (const platform of chosen) {
  const file = join(target, platform.name, platform.fileName);
  await buildExecutable(platform, join(script, 'gantry.cjs'), file);
  const checks = await checkExecutable(platform, file, { version });
  const packed = process.argv.includes('--pack') ? [await packedSize(file)] : [];
  process.stdout.write(`${platform.name}: ${[...checks, ...packed].join(', ')}\n`);
}
await makePackages(chosen, { executables: target, script, target: join(target, 'npm') });

/** Returns the size of the file as people download it. */
async function packedSize(file: string): Promise<string> {
  const xz = findProgram('xz');
  if (xz === undefined) throw new Error('--pack needs xz in PATH');
  await run(xz, ['--keep', '--force', '--threads=0', '-6', file]);
  const [, packed = ''] = (await run(xz, ['--robot', '--list', `${file}.xz`])).split('\n');
  const megabytes = Number(packed.split('\t')[3]) / 1e6;
  if (megabytes > limit) throw new Error(`${file}: ${megabytes.toFixed(1)} MB are too much to download`);
  return `${megabytes.toFixed(1)} MB packed`;
}
