import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';
import process from 'node:process';
import { parseArgs } from 'node:util';
import { projectRoot } from '../scripts/project.ts';
import { ownProgram } from './programs.ts';

/**
 * `npm run bench:page -- [NAME...]` measures all figures of docs/benchmarks.md and writes them: the machine as it is,
 * the machine under load, and the embedded registry. With names, only these scenarios, and not the registry. gantry
 * also runs on another Node and as an executable file, if they are there.
 */
const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: 'string' },
    /** Default: the Node 24 that `npm run test:runtimes` installs. */
    node: { type: 'string', default: join('.runtimes', 'node_modules', 'node24', 'bin', 'node') },
    /** Default: the file that `npm run build:executables` makes for this platform. */
    executable: {
      type: 'string',
      default: join('dist', 'executables', `${process.platform}-${process.arch}`, 'gantry'),
    },
  },
});

/** One scenario for each kind of work. Under load the others would only take longer. */
const underLoad = [
  'push-far',
  'copy-index-far',
  'pull-index-far',
  'push-large',
  'pull-large',
  'copy-large',
  'pull-throttled',
  'copy-tags',
  'push-many-layers',
];

async function measure(title: string, program: string, args: readonly string[]): Promise<void> {
  process.stdout.write(`\n# ${title}\n\n`);
  const began = performance.now();
  const child = spawn(process.execPath, [ownProgram(program), '--write', ...args], { stdio: 'inherit' });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`${title}: ended with ${code}`);
  process.stdout.write(`\n${title}: ${((performance.now() - began) / 60_000).toFixed(1)} min\n`);
}

/** Returns an option for the bench, or nothing if the program is not there. */
function ifThere(option: 'node' | 'executable'): readonly string[] {
  const file = resolve(projectRoot(), values[option]);
  if (existsSync(file)) return [`--${option}`, file];
  process.stdout.write(`${file} is left out: it is not there\n`);
  return [];
}

const options = [
  ...ifThere('node'),
  ...ifThere('executable'),
  ...(values.runs === undefined ? [] : ['--runs', values.runs]),
];
await measure('The machine as it is', 'main', [...options, ...positionals]);
// skopeo takes minutes more and is never the best of the peers here.
const peers = ['--peer', 'crane', '--peer', 'oras', '--peer', 'regctl', '--registry', 'docker-registry'];
const names = positionals.length > 0 ? positionals : underLoad;
await measure('Under load', 'main', ['--loaded', ...peers, ...options, ...names]);
if (positionals.length === 0) await measure('The embedded registry', 'server', []);
