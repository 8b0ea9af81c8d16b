import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { checkLayout, imageTag } from './images.ts';
import { type Measured, measured } from './measure.ts';
import { createNetwork, type Traffic } from './network.ts';
import type { Scenario } from './scenario.ts';
import { ownClient, repository, type Stage, user } from './stage.ts';
import type { Places, Tool, Verb } from './tools.ts';

/** `time` is as the scenario has it; `count` counts rounds, and so tells nothing of time. */
export type RunKind = 'time' | 'count';

export interface Run {
  readonly measured: Measured;
  readonly traffic: Traffic;
}

const writes: ReadonlySet<Verb> = new Set<Verb>(['push', 'copy', 'copyAll']);

/** One tool does once what the scenario says. Throws where it didn't do it. */
export async function runOnce(scenario: Scenario, tool: Tool, stage: Stage, kind: RunKind): Promise<Run> {
  const { verb, network: shape = {}, countDepth = true } = scenario;
  const count = kind === 'count';
  await using network = createNetwork(count ? {} : shape, { depth: count && countDepth });
  const through = count || scenario.network !== undefined;
  const front = async (host: string): Promise<string> => (through ? network.front(host) : host);

  const realm =
    stage.service === undefined
      ? undefined
      : `http://${await front(new URL(stage.service.settings.realm).host)}/token`;
  await using from = verb === 'push' ? undefined : await stage.source(realm);
  await using to = writes.has(verb) ? await stage.destination(realm) : undefined;
  const [fromHost, toHost] = [from?.host, to?.host];
  const [fromFront, toFront] = [
    fromHost === undefined ? '' : await front(fromHost),
    toHost === undefined ? '' : await front(toHost),
  ];
  const home = join(stage.folder, 'run');
  await mkdir(home, { recursive: true });
  try {
    const places: Places = {
      layout: stage.layout,
      from: `${fromFront}/${repository}:${imageTag}`,
      to: `${toFront}/${repository}:${imageTag}`,
      tag: 'another',
      folder: join(home, 'pulled'),
    };
    const env = await environment(home, stage.service === undefined ? [] : [fromFront, toFront]);
    const args = tool.verbs[verb]?.(places) ?? [];
    network.take();
    const taken = await measured([...tool.program, ...args], { env });
    const traffic = network.take();
    if (taken.code !== 0)
      throw new Error(`${tool.name} ${args.join(' ')} ended with ${taken.code}: ${taken.stderr.slice(-600)}`);
    await check(scenario, stage, taken.stdout, {
      ...places,
      from: `${fromHost}/${repository}:${imageTag}`,
      to: `${toHost}/${repository}:${imageTag}`,
    });
    return { measured: taken, traffic };
  } finally {
    await rm(home, { recursive: true, force: true });
  }
}

/** Nothing that one run leaves is found by the next, or by the user: no logins, no caches of what is where. */
async function environment(home: string, hosts: readonly string[]): Promise<NodeJS.ProcessEnv> {
  const auth = Buffer.from(`${user.username}:${user.password}`).toString('base64');
  const auths = Object.fromEntries(hosts.filter((host) => host !== '').map((host) => [host, { auth }]));
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
    // Root's cache of where blobs are is one for the whole machine; another user's is below XDG_DATA_HOME.
    _CONTAINERS_ROOTLESS_UID: '1000',
  };
}

/** Throws unless what was asked for is there. */
async function check(scenario: Scenario, stage: Stage, stdout: string, places: Places): Promise<void> {
  const { verb, tags = 1 } = scenario;
  await using client = ownClient();
  const isThere = async (reference: string): Promise<void> => {
    for await (const { problem } of client.validate(reference, { fast: true })) {
      if (problem !== undefined) throw new Error(`${reference}: ${problem}`);
    }
  };
  const hasRoot = async (reference: string): Promise<void> => {
    const { digest } = await client.getDescriptor(reference);
    if (digest !== stage.root.digest) throw new Error(`${reference} is ${digest}`);
  };
  const repositoryOf = (reference: string): string => reference.slice(0, reference.lastIndexOf(':'));
  switch (verb) {
    case 'push':
    case 'copy':
      await hasRoot(places.to);
      return isThere(places.to);
    case 'copyAll':
      for (let at = 1; at <= tags; at++) {
        const [had, has] = await Promise.all(
          [places.from, places.to].map((place) => client.getDescriptor(`${repositoryOf(place)}:v${at}`)),
        );
        if (had?.digest !== has?.digest) throw new Error(`v${at} is ${has?.digest}`);
        if (at % 20 === 1) await isThere(`${repositoryOf(places.to)}:v${at}`);
      }
      return;
    case 'pull':
      return checkLayout(places.folder, stage.blobs);
    case 'tag':
      return hasRoot(`${repositoryOf(places.from)}:${places.tag}`);
    case 'digest':
      if (!stdout.includes(stage.root.digest)) throw new Error(`the digest is not in ${stdout}`);
      return;
    case 'ls':
      if (!stdout.includes(imageTag)) throw new Error(`the tag is not in ${stdout}`);
  }
}
