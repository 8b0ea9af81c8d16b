import { loadavg } from 'node:os';
import { resolve } from 'node:path';
import process from 'node:process';
import { formatColumns } from './columns.ts';
import { type Measure, type Measured, measured } from './measure.ts';
import { gantryProgram } from './programs.ts';
import { startRegistry } from './registries.ts';

/**
 * Measures `gantry build` of a folder with its push to an empty registry on this machine, beside `tar | gzip -1` of the same
 * folder, which neither hashes nor sends anything. Arguments: the folder, such as a `node_modules`, and the number of runs,
 * default 5. The registry is a process of its own.
 */
if (process.argv[2] === undefined) throw new Error('bench:build needs a folder');
const folder = resolve(process.argv[2]);
const runs = Number(process.argv[3] ?? 5);
const limit = 600_000;

async function succeeded(command: readonly string[]): Promise<Measured> {
  const env = { ...process.env, GANTRY_STATE_DIR: 'none' };
  const run = await measured(command, { env, limit });
  if (run.code !== 0) throw new Error(`${command.join(' ')} ended with ${run.code}: ${run.stderr}`);
  return run;
}

async function build(): Promise<Measured> {
  await using registry = await startRegistry('gantry');
  const words = [
    'build',
    folder,
    '--base',
    'scratch',
    '--entrypoint',
    'node',
    '-t',
    `${registry.host}/app:1`,
  ];
  return await succeeded([process.execPath, gantryProgram(), ...words]);
}

/** The runs of each program alternate, so that other work of the machine meets both. The least time of each counts. */
const tars: Measure[] = [];
const builds: Measure[] = [];
for (let run = 0; run <= runs; run++) {
  const tar = await succeeded(['sh', '-c', `tar -cf - -C '${folder}' . | gzip -1 > /dev/null`]);
  const built = await build();
  // The first run reads the files from the disk.
  if (run > 0) tars.push(tar);
  if (run > 0) builds.push(built);
}
const least = (all: readonly Measure[], of: (one: Measure) => number): number => Math.min(...all.map(of));
const rows = [
  { name: 'tar | gzip -1', all: tars },
  { name: 'gantry build', all: builds },
];
const table = formatColumns<(typeof rows)[number]>(
  [
    ['', ({ name }) => name],
    ['wall', ({ all }) => `${least(all, ({ wall }) => wall).toFixed(2)} s`],
    ['CPU', ({ all }) => `${least(all, ({ cpu }) => cpu).toFixed(2)} s`],
    ['peak RSS', ({ all }) => `${Math.max(...all.map(({ rss }) => rss / 2 ** 20)).toFixed(0)} MiB`],
  ],
  rows,
  { markdown: false },
);
const ratio = least(builds, ({ wall }) => wall) / least(tars, ({ wall }) => wall);
process.stdout.write(
  `${folder}, ${runs} runs, load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}\n${table}\nratio of the times: ${ratio.toFixed(2)}\n`,
);
