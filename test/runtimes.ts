import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectRoot } from '../scripts/project.ts';

/**
 * Runs the built tests on the other versions of Node: `node dist/test/runtimes.js [PART...]` with the arguments of
 * run.js. The runtimes come from npm into a folder of their own, and stay there.
 */
const lines = ['22', '24', '26'];
const folder = join(projectRoot(), '.runtimes');
const runner = join(dirname(fileURLToPath(import.meta.url)), 'run.js');

async function run(
  command: string,
  args: readonly string[],
  env: NodeJS.ProcessEnv = process.env,
): Promise<number> {
  const child = spawn(command, args, { stdio: 'inherit', env, cwd: projectRoot() });
  const [code] = await once(child, 'close');
  return typeof code === 'number' ? code : 1;
}

async function install(): Promise<void> {
  await mkdir(folder, { recursive: true });
  const runtime = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;
  const dependencies = Object.fromEntries(lines.map((line) => [`node${line}`, `npm:${runtime}@${line}`]));
  await writeFile(join(folder, 'package.json'), JSON.stringify({ private: true, dependencies }));
  const code = await run('npm', [
    'install',
    '--prefix',
    folder,
    '--no-audit',
    '--no-fund',
    '--ignore-scripts',
  ]);
  if (code !== 0) throw new Error('the runtimes could not be installed');
}

await install();
const failed: string[] = [];
for (const line of lines) {
  const bin = join(folder, 'node_modules', `node${line}`, 'bin');
  process.stdout.write(`\n# Node ${line}\n`);
  // The runtime is also first in PATH, for the programs that the tests start by name.
  const env = { ...process.env, PATH: `${bin}${delimiter}${process.env['PATH'] ?? ''}` };
  const code = await run(join(bin, 'node'), [runner, ...process.argv.slice(2)], env);
  if (code !== 0) failed.push(line);
}
if (failed.length > 0) {
  process.stdout.write(`failed on Node ${failed.join(', ')}\n`);
  process.exitCode = 1;
}
