import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { createClient } from '../src/index.ts';
import { check } from './check.ts';
import { imageTag, makeImage } from './images.ts';
import { type Measured, measured } from './measure.ts';
import { createNetwork, type Network, type Traffic } from './network.ts';
import type { Scenario } from './scenario.ts';
import { credential, repository, type Stage, user } from './stage.ts';
import type { Places, Tool, Verb } from './tools.ts';

/** `time` measures the network of the scenario. `count` counts rounds, and its times are meaningless. */
export type RunKind = 'time' | 'count';

export interface Run {
  readonly measured: Measured;
  readonly traffic: Traffic;
}

export interface RunOptions {
  readonly kind: RunKind;
  /** The milliseconds after which the run has failed. */
  readonly limit: number;
}

/** Runs a scenario once with one tool. Throws if the result is missing. */
export async function runOnce(
  scenario: Scenario,
  tool: Tool,
  stage: Stage,
  { kind, limit }: RunOptions,
): Promise<Run> {
  await using scene = await arrange(scenario, stage, kind);
  const { network, seen, direct, home } = scene;
  const env = {
    ...(await environment(home, stage.service === undefined ? [] : scene.hosts)),
    ...trust(stage),
  };
  const args = tool.verbs[scenario.verb]?.(seen) ?? [];
  network.take();
  const taken = await measured([...tool.program, ...args], { env, limit });
  const traffic = network.take();
  if (taken.code !== 0) {
    const told = taken.stderr.trim().split('\n').at(-1) ?? '';
    throw new Error(`ended with ${taken.code} after ${taken.wall.toFixed(0)} s: ${told.slice(0, 300)}`);
  }
  if (tool.idle !== true) await check(scenario, stage, taken.stdout, direct);
  return { measured: taken, traffic };
}

/** Counts the requests of a client of the library that has pushed other content to the repository before. */
export async function countWarm(scenario: Scenario, stage: Stage): Promise<Traffic> {
  await using scene = await arrange(scenario, stage, 'count');
  await using client = createClient({ keychain: async () => credential });
  const other = await makeImage({ layers: 1, layerSize: 1000 });
  if (other.kind === 'image') await client.pushImage(`${scene.seen.to}-warm`, other);
  scene.network.take();
  await client.push(stage.layout, scene.seen.to);
  return scene.network.take();
}

/** The environment of one run. */
interface Scene extends AsyncDisposable {
  readonly network: Network;
  /** The places as the tool sees them. */
  readonly seen: Places;
  /** The same places without the network. */
  readonly direct: Places;
  /** The registries that the tool reaches. */
  readonly hosts: readonly string[];
  /** A folder for this run only. */
  readonly home: string;
}

const writes: ReadonlySet<Verb> = new Set<Verb>(['push', 'copy', 'copyAll']);
const reads: ReadonlySet<Verb> = new Set<Verb>([
  'pull',
  'copy',
  'copyAll',
  'tag',
  'digest',
  'ls',
  'export',
  'append',
  'mutate',
  'flatten',
]);

async function arrange(scenario: Scenario, stage: Stage, kind: RunKind): Promise<Scene> {
  const held: AsyncDisposable[] = [];
  const letGo = async (): Promise<void> => {
    for (const one of held.toReversed()) await one[Symbol.asyncDispose]();
  };
  try {
    return { ...(await prepare(scenario, stage, kind, held)), [Symbol.asyncDispose]: letGo };
  } catch (error) {
    await letGo();
    throw error;
  }
}

/** Prepares the environment of a run. Adds to `held` everything that must be released after it. */
async function prepare(
  { verb, network: shape, countDepth = true }: Scenario,
  stage: Stage,
  kind: RunKind,
  held: AsyncDisposable[],
): Promise<Omit<Scene, keyof AsyncDisposable>> {
  const count = kind === 'count';
  const hold = <T extends AsyncDisposable>(one: T): T => {
    held.push(one);
    return one;
  };
  const network = hold(createNetwork(count ? {} : (shape ?? {}), { depth: count && countDepth }));
  const front = async (host: string): Promise<string> =>
    count || shape !== undefined ? network.front(host) : host;
  const realm = stage.service?.settings.realm;
  const frontRealm = realm && `http://${await front(new URL(realm).host)}/token`;
  const from = reads.has(verb) ? hold(await stage.source(frontRealm)).host : undefined;
  const to = writes.has(verb) ? hold(await stage.destination(frontRealm)).host : undefined;
  const fronts = {
    from: from === undefined ? undefined : await front(from),
    to: to === undefined ? undefined : await front(to),
  };
  const home = join(stage.folder, 'run');
  await mkdir(home, { recursive: true });
  hold({ [Symbol.asyncDispose]: () => rm(home, { recursive: true, force: true }) });
  // A source may have the tags of earlier runs.
  const tag = `tag-${Date.now()}`;
  const places = (source = '', destination = ''): Places => ({
    layout: stage.layout,
    from: `${source}/${repository}:${imageTag}`,
    to: `${destination}/${repository}:${imageTag}`,
    tar: stage.tar,
    tag,
    tls: stage.authority !== undefined,
    folder: join(home, 'pulled'),
  });
  return {
    network,
    seen: places(fronts.from, fronts.to),
    direct: places(from, to),
    hosts: [fronts.from ?? [], fronts.to ?? []].flat(),
    home,
  };
}

/** Returns the variables that let programs in Go and in Node trust the certificates of the registries. */
function trust({ authority }: Stage): NodeJS.ProcessEnv {
  return authority === undefined
    ? {}
    : { SSL_CERT_FILE: authority.caFile, NODE_EXTRA_CA_CERTS: authority.caFile };
}

/**
 * Returns an environment in which a run finds nothing of another run or of the user: no logins, and no caches of the
 * locations of blobs.
 */
async function environment(home: string, hosts: readonly string[]): Promise<NodeJS.ProcessEnv> {
  const auth = Buffer.from(`${user.username}:${user.password}`).toString('base64');
  const auths = Object.fromEntries(hosts.map((host) => [host, { auth }]));
  const file = join(home, 'config.json');
  await writeFile(file, JSON.stringify({ auths }));
  return {
    PATH: process.env['PATH'],
    HOME: home,
    XDG_DATA_HOME: home,
    XDG_RUNTIME_DIR: home,
    XDG_CONFIG_HOME: home,
    DOCKER_CONFIG: home,
    REGISTRY_AUTH_FILE: file,
    // Root's cache of the locations of blobs is one for the whole machine. That of another user is below XDG_DATA_HOME.
    _CONTAINERS_ROOTLESS_UID: '1000',
  };
}
