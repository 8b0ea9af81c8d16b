import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { measure } from '../src/flow/hash.ts';
import {
  type Content,
  createClient,
  type Descriptor,
  type Manifest,
  openArchive,
  openLayout,
  type Repository,
} from '../src/index.ts';
import { formatColumns } from './columns.ts';
import { imageTag, makeImage, writeImage } from './images.ts';
import { gantryProgram, ownProgram } from './programs.ts';
import { type RegistryKind, registriesHere, type StartedRegistry, startRegistry } from './registries.ts';
import { useScratch } from './scratch.ts';
import { type CountingProxy, type Direction, startCountingProxy } from './support/counting-proxy.ts';

/**
 * Kills each way to move one large layer at a random byte, runs the same command again, and counts the bytes that went over the
 * network more than once. Checks each result by its digest. Arguments: the number of kills of each row, default 100; MiB,
 * default 1024; and the registry, `docker-registry` or `gantry`, default both.
 */
const kills = Number(process.argv[2] ?? 100);
const mebibytes = Number(process.argv[3] ?? 1024);
const kinds = registriesHere().filter((kind) => kind === (process.argv[4] ?? kind));
const mebibyte = 1024 * 1024;

interface Hosts {
  readonly from: string;
  readonly to: string;
}

interface Way {
  readonly name: string;
  readonly direction: Direction;
  /** Whether the content goes to an empty registry, which each kill needs anew. */
  readonly pushes: boolean;
  /** A program of the bench in place of the command line. */
  readonly program?: string;
  readonly words: (hosts: Hosts, folder: string) => readonly string[];
  readonly result: (hosts: Hosts, folder: string, layer: Descriptor) => Promise<Result>;
}

/** The content that a command has written. */
interface Result extends AsyncDisposable {
  /** The image; undefined if the command writes only its layer. */
  readonly manifest?: Manifest;
  readonly layer: Content;
}

async function inRegistry({ to }: Hosts, layer: Descriptor): Promise<Result> {
  const client = createClient();
  const content = client.openBlob(`${to}/app@${layer.digest}`);
  return { layer: content, [Symbol.asyncDispose]: () => client.close() };
}

async function pushed(hosts: Hosts, _: string, layer: Descriptor): Promise<Result> {
  await using client = createClient();
  const manifest = await client.getManifest(`${hosts.to}/app:1`);
  return { ...(await inRegistry(hosts, layer)), manifest };
}

async function pulled(place: Repository, { from }: Hosts, layer: Descriptor): Promise<Result> {
  const manifest = await place.manifests.get(`${from}/app:1`);
  const content = place.blobs.open(layer);
  return { manifest, layer: content, [Symbol.asyncDispose]: async () => place[Symbol.asyncDispose]() };
}

const ways: readonly Way[] = [
  {
    name: 'push',
    direction: 'sent',
    pushes: true,
    words: ({ to }) => ['push', 'image', `${to}/app:1`],
    result: pushed,
  },
  {
    name: 'copy',
    direction: 'sent',
    pushes: true,
    words: ({ from, to }) => ['copy', `${from}/app:1`, `${to}/app:1`],
    result: pushed,
  },
  {
    name: '`writeLayer`',
    direction: 'sent',
    pushes: true,
    program: ownProgram('write-layer'),
    words: ({ to }) => ['image', `${to}/app`, 'state'],
    result: (hosts, _, layer) => inRegistry(hosts, layer),
  },
  {
    name: 'pull of a layout',
    direction: 'received',
    pushes: false,
    words: ({ from }, folder) => [
      'pull',
      '--format=oci',
      '--annotate-ref',
      `${from}/app:1`,
      join(folder, 'layout'),
    ],
    async result(hosts, folder, layer) {
      return pulled(await openLayout(join(folder, 'layout'), { mode: 'read' }), hosts, layer);
    },
  },
  {
    name: 'pull of an archive',
    direction: 'received',
    pushes: false,
    words: ({ from }, folder) => ['pull', `${from}/app:1`, join(folder, 'image.tar')],
    async result(hosts, folder, layer) {
      return pulled(await openArchive(join(folder, 'image.tar')), hosts, layer);
    },
  },
];

/** Runs a command. Kills it as soon as `kill` resolves. Returns whether the kill ended it. */
async function run(
  { program = gantryProgram() }: Pick<Way, 'program'>,
  words: readonly string[],
  cwd: string,
  kill?: Promise<void>,
): Promise<boolean> {
  const child = spawn(process.execPath, [program, ...words], {
    cwd,
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...process.env, GANTRY_STATE_DIR: join(cwd, 'state') },
  });
  void kill?.then(() => child.kill('SIGKILL'));
  const [code, signal] = await once(child, 'close');
  if (signal === 'SIGKILL') return true;
  if (code !== 0) throw new Error(`${words[0]} ended with ${code}`);
  return false;
}

async function check({ manifest, layer: content }: Result, layer: Descriptor): Promise<void> {
  if (manifest !== undefined) {
    const { body } = manifest;
    if (body.kind !== 'image' || body.layers[0]?.digest !== layer.digest)
      throw new Error('another image came');
  }
  const { digest } = await measure(content.open());
  if (digest !== layer.digest) throw new Error(`${digest} came in place of ${layer.digest}`);
}

interface Row {
  readonly name: string;
  readonly kind: RegistryKind;
  readonly kills: number;
  readonly most: number;
  readonly sum: number;
}

interface Scene {
  readonly root: string;
  readonly layer: Descriptor;
  readonly from: CountingProxy;
}

/** Kills one command once, and returns the bytes that it cost; undefined if the command ended before. */
async function killOnce(
  way: Way,
  kind: RegistryKind,
  { root, layer, from }: Scene,
): Promise<number | undefined> {
  const folder = await mkdtemp(join(root, 'kill-'));
  const target = way.pushes ? await startRegistry(kind) : undefined;
  const to = target === undefined ? undefined : await startCountingProxy(target.host);
  try {
    const hosts = { from: from.host, to: to?.host ?? from.host };
    const proxy = to ?? from;
    const before = proxy.counts[way.direction];
    const at = Math.floor((0.02 + Math.random() * 0.96) * layer.size);
    const words = way.words(hosts, folder);
    // A fast machine may finish the last bytes before the signal arrives.
    if (!(await run(way, words, root, proxy.passed(way.direction, at)))) return undefined;
    await run(way, words, root);
    const cost = proxy.counts[way.direction] - before - layer.size;
    await using result = await way.result(hosts, folder, layer);
    await check(result, layer);
    return cost;
  } finally {
    await to?.[Symbol.asyncDispose]();
    await target?.[Symbol.asyncDispose]();
    await rm(folder, { recursive: true, force: true });
    await rm(join(root, 'state'), { recursive: true, force: true });
  }
}

async function measureAll(root: string): Promise<readonly Row[]> {
  const image = await makeImage({ layers: 1, layerSize: mebibytes * mebibyte });
  await writeImage(image, join(root, 'image'));
  const layout = await openLayout(join(root, 'image'), { mode: 'read' });
  const { body } = await layout.manifests.get(imageTag);
  const layer = body.kind === 'image' ? body.layers[0] : undefined;
  if (layer === undefined) throw new Error('the image has no layer');
  const rows: Row[] = [];
  for (const kind of kinds) {
    await using source: StartedRegistry = await startRegistry(kind);
    await using from = await startCountingProxy(source.host);
    await run({}, ['push', 'image', `${from.host}/app:1`], root);
    for (const way of ways) {
      const costs: number[] = [];
      while (costs.length < kills) {
        const cost = await killOnce(way, kind, { root, layer, from });
        if (cost !== undefined) costs.push(cost);
      }
      const row = {
        name: way.name,
        kind,
        kills,
        most: Math.max(...costs),
        sum: costs.reduce((a, b) => a + b, 0),
      };
      rows.push(row);
      process.stderr.write(`${line(row, layer.size)}\n`);
    }
  }
  process.stdout.write(`${formatColumns(columnsFor(layer.size), rows, { markdown: true })}\n`);
  return rows;
}

const inMebibytes = (bytes: number): string => (bytes / mebibyte).toFixed(1);

function columnsFor(size: number): Parameters<typeof formatColumns<Row>>[0] {
  return [
    ['command', ({ name }) => name],
    ['registry', ({ kind }) => kind],
    ['kills', (row) => String(row.kills)],
    ['most sent again, MiB', ({ most }) => inMebibytes(most)],
    ['all bytes ÷ content', (row) => (1 + row.sum / (row.kills * size)).toFixed(3)],
  ];
}

function line(row: Row, size: number): string {
  return columnsFor(size)
    .map(([, cell]) => cell(row))
    .join('  ');
}

useScratch();
const root = await mkdtemp(join(tmpdir(), 'gantry-kill-'));
await measureAll(root);
