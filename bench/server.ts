import { spawn } from 'node:child_process';
import { once } from 'node:events';
import process from 'node:process';
import { createInterface } from 'node:readline';
import { parseArgs } from 'node:util';
import { type Column, formatColumns } from './columns.ts';
import { writeBlock } from './document.ts';
import type { Figures } from './load/phase.ts';
import { ownProgram } from './programs.ts';
import { type RegistryKind, registriesHere, startRegistry } from './registries.ts';
import { useScratch } from './scratch.ts';
import { watchProcess } from './watch.ts';

/**
 * `npm run bench:server`: many clients push to and pull from Debian's registry and the embedded one at the same time,
 * phase by phase in turn. At the end they read all acknowledged content.
 */
const { values } = parseArgs({
  options: {
    clients: { type: 'string', default: '200' },
    /** The number of blobs of 100 MB that are on their way at the same time. */
    'large-clients': { type: 'string', default: '16' },
    /** The length of the mixed phase. Each other phase takes a third of it. */
    seconds: { type: 'string', default: '60' },
    markdown: { type: 'boolean', default: false },
    /** Also writes the tables to docs/benchmarks.md. */
    write: { type: 'boolean', default: false },
    registry: { type: 'string' },
    phase: { type: 'string', multiple: true },
  },
});

/** A large blob must be pushed before it can be pulled, and so must a small one. */
const phases = values.phase ?? [
  'push small',
  'pull small',
  'push large',
  'pull large',
  'mixed images',
  'verify',
];

interface Phase extends Figures {
  readonly registry: RegistryKind;
  /** The peak memory of the server in this phase. */
  readonly rss: number;
  readonly cpu: number;
}

/** A registry and its load. */
interface Loaded extends AsyncDisposable {
  run(phase: string): Promise<Phase>;
}

async function loadRegistry(registry: RegistryKind): Promise<Loaded> {
  const server = await startRegistry(registry);
  if (server.pid === undefined) throw new Error(`${registry} is no process`);
  const watch = watchProcess(server.pid);
  const load = spawn(
    process.execPath,
    [
      ownProgram('load/load'),
      `http://${server.host}`,
      values.clients,
      values['large-clients'],
      values.seconds,
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const ended = once(load, 'close');
  const lines = createInterface({ input: load.stdout })[Symbol.asyncIterator]();
  return {
    async run(phase) {
      await watch.take();
      load.stdin.write(`${phase}\n`);
      const line = await lines.next();
      if (line.done === true) throw new Error(`the load ended in the phase ${phase}`);
      const figures: Figures = JSON.parse(line.value);
      return { registry, ...figures, ...(await watch.take()) };
    },
    async [Symbol.asyncDispose]() {
      load.stdin.end();
      await ended;
      await server[Symbol.asyncDispose]();
    },
  };
}

useScratch();
const kinds: readonly RegistryKind[] = [...registriesHere(), 'gantry in memory'];
const results: Phase[] = [];
const loads: Loaded[] = [];
try {
  for (const kind of kinds.filter((kind) => values.registry === undefined || values.registry === kind)) {
    loads.push(await loadRegistry(kind));
  }
  // One registry after another, so that other work of the machine slows down all of them.
  for (const phase of phases) for (const load of loads) results.push(await load.run(phase));
} finally {
  for (const load of loads) await load[Symbol.asyncDispose]();
}

const rate = ({ operations, seconds }: Phase): number => operations / seconds;
for (const phase of phases) {
  const rows = results.filter((result) => result.phase === phase);
  const best = rows.find(({ registry }) => registry === 'docker-registry');
  const columns: readonly Column<Phase>[] = [
    ['registry', ({ registry }) => registry],
    ['operations/s', (row) => rate(row).toFixed(1)],
    ['ratio', (row) => (best === undefined ? '–' : (rate(row) / rate(best)).toFixed(2))],
    ['requests/s', ({ requests, seconds }) => (requests / seconds).toFixed(0)],
    ['MB/s', ({ bytes, seconds }) => (bytes / seconds / 1e6).toFixed(0)],
    ['p50 ms', ({ p50 }) => p50.toFixed(1)],
    ['p99 ms', ({ p99 }) => p99.toFixed(1)],
    ['peak RSS MiB', ({ rss }) => (rss / 1024 / 1024).toFixed(0)],
    ['CPU s', ({ cpu }) => cpu.toFixed(1)],
    ['operations', ({ operations }) => String(operations)],
    ['errors', ({ errors, firstError = '' }) => `${errors} ${firstError}`.trim()],
  ];
  const title = `${phase}, ${rows[0]?.clients ?? 0} clients`;
  const markdown = `### ${title}\n\n${formatColumns(columns, rows, { markdown: true })}\n\n`;
  process.stdout.write(values.markdown ? markdown : `\n${title}\n${formatColumns(columns, rows, values)}\n`);
  if (values.write) await writeBlock(`server, ${phase}`, markdown);
}
