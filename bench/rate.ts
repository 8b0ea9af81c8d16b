import { mkdtemp, rm } from 'node:fs/promises';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { createClient } from '../src/index.ts';
import { formatColumns } from './columns.ts';
import { imageTag, makeImage, writeImage } from './images.ts';
import { registriesHere, startRegistry } from './registries.ts';
import { useScratch } from './scratch.ts';

/**
 * Measures a client with a `bandwidth`: the bytes per second that it reaches over 10 s, and the processor time that the limit
 * costs, which is the time of the same transfer less that without a limit. Arguments: rates in MiB per second, default
 * 1 10 50 200. The registry is a process of its own.
 */
const mebibyte = 1024 * 1024;
const given = process.argv.slice(2).map(Number);
const rates = given.length > 0 ? given : [1, 10, 50, 200];
/** Seconds of a limited transfer. */
const length = 10;

interface Cost {
  /** Seconds. */
  readonly wall: number;
  readonly cpu: number;
}

interface Row {
  readonly name: string;
  readonly rate: number;
  readonly limited: Cost;
  readonly free: Cost;
}

async function cost(work: () => Promise<unknown>): Promise<Cost> {
  const [began, before] = [performance.now(), process.cpuUsage()];
  await work();
  const { user, system } = process.cpuUsage(before);
  return { wall: (performance.now() - began) / 1000, cpu: (user + system) / 1e6 };
}

async function pushAndPull(root: string, rate: number): Promise<readonly Row[]> {
  const [kind = 'gantry'] = registriesHere();
  const image = join(root, 'image');
  await writeImage(await makeImage({ layers: 1, layerSize: rate * mebibyte * length }), image);
  const run = async (bandwidth?: number): Promise<{ readonly push: Cost; readonly pull: Cost }> => {
    await using registry = await startRegistry(kind);
    await using client = createClient({ keychain: async () => undefined, bandwidth });
    const reference = `${registry.host}/app:${imageTag}`;
    const pulled = join(root, 'pulled');
    const push = await cost(() => client.push(image, reference));
    const pull = await cost(() => client.pull([reference], pulled, { format: 'oci' }));
    await rm(pulled, { recursive: true });
    return { push, pull };
  };
  // The first transfer of a process loads and compiles the code.
  await run();
  const [limited, free] = [await run(rate * mebibyte), await run()];
  await rm(image, { recursive: true });
  return (['push', 'pull'] as const).map((name) => ({
    name,
    rate,
    limited: limited[name],
    free: free[name],
  }));
}

const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

useScratch();
const root = await mkdtemp(join(tmpdir(), 'gantry-rate-'));
const rows: Row[] = [];
for (const rate of rates) rows.push(...(await pushAndPull(root, rate)));
const table = formatColumns<Row>(
  [
    ['transfer', ({ name, rate }) => `${name}, ${rate} MiB/s`],
    ['wall s', ({ limited }) => limited.wall.toFixed(2)],
    ['off by', ({ limited }) => percent(length / limited.wall - 1)],
    ['wall s without a limit', ({ free }) => free.wall.toFixed(2)],
    ['CPU s', ({ limited }) => limited.cpu.toFixed(2)],
    ['CPU s without a limit', ({ free }) => free.cpu.toFixed(2)],
    ['CPU of the limit', ({ limited, free }) => percent((limited.cpu - free.cpu) / limited.wall)],
  ],
  rows,
  { markdown: true },
);
process.stdout.write(
  `${table}\n\nLoad of the machine: ${loadavg()[0]?.toFixed(1)}, Node ${process.version}\n`,
);
