import { posix } from 'node:path';
import { InputError } from '../errors.ts';
import type { ConfigEdit } from '../image/edit/config-edit.ts';
import { parsePort } from '../image/edit/port.ts';
import type { ImageConfig } from '../spec/image-config.ts';
import type { NodeApp } from './node/node-app.ts';
import type { BuildSettings } from './options.ts';
import type { BuildPlan } from './plan.ts';

/** Returns the change of the base's config that the settings and the folder ask for. */
export function runConfig(
  { config = {} }: ImageConfig,
  plan: BuildPlan,
  settings: BuildSettings & { readonly user: string },
): ConfigEdit {
  const { user, env, labels, exposedPorts = [], volumes = [] } = settings;
  const ports = new Set([...Object.keys(config.ExposedPorts ?? {}), ...exposedPorts.map(parsePort)]);
  const places = new Set([...Object.keys(config.Volumes ?? {}), ...volumes]);
  return {
    env: { ...(plan.node === undefined ? {} : nodeVariables(config.Env ?? [])), ...env },
    labels,
    user,
    workingDir: plan.workingDir,
    exposedPorts: exposedPorts.length === 0 ? undefined : [...ports],
    volumes: volumes.length === 0 ? undefined : [...places],
    ...commandOf(config.Entrypoint ?? [], plan.node, settings),
  };
}

/** Node itself is the first process, since npm does not pass SIGTERM on. */
function commandOf(
  before: readonly string[],
  node: NodeApp | undefined,
  { entrypoint, cmd }: BuildSettings,
): Pick<ConfigEdit, 'entrypoint' | 'cmd'> {
  if (entrypoint !== undefined) return { entrypoint, cmd: cmd ?? null };
  if (node?.entry === undefined) return { cmd };
  const { words } = node.entry;
  const [program = '', ...options] = before;
  // The base of distroless starts node by its path, and has no shell that would search for it.
  const startsNode = options.length === 0 && posix.basename(program) === 'node';
  return startsNode
    ? { cmd: [...words, ...(cmd ?? [])] }
    : { entrypoint: ['node', ...words], cmd: cmd ?? null };
}

function nodeVariables(env: readonly string[]): Readonly<Record<string, string>> {
  return env.some((entry) => entry.startsWith('NODE_ENV=')) ? {} : { NODE_ENV: 'production' };
}

/**
 * Refuses a Node application without a base that has node.
 * @throws INVALID_OPTION
 */
export function refuseNoNode({ node }: BuildPlan): void {
  if (node?.entry === undefined) return;
  throw new InputError(
    'INVALID_OPTION',
    'without a base the image has no node to start the application with: name a base, or say --entrypoint for a program in the folder',
  );
}
