import { InputError } from '../../errors.ts';
import type { JsonChange } from '../../json/edit.ts';
import type { ImageConfig } from '../../spec/image-config.ts';
import {
  arrayOf,
  type Check,
  checkOptions,
  either,
  flag,
  object,
  oneOf,
  recordOf,
  type Shape,
  text,
} from '../../spec/options.ts';
import { parsePort } from './port.ts';

/** A change of an image's config. Null removes a member; an absent or undefined option leaves it as it is. */
export interface ConfigEdit {
  /** Environment variables by name. A present one keeps its position; on Windows its name matches in any case. */
  readonly env?: Readonly<Record<string, string | null>> | undefined;
  /** Labels by key. */
  readonly labels?: Readonly<Record<string, string | null>> | undefined;
  /** The command. Also removes the default arguments, as ENTRYPOINT in a Dockerfile does, unless this change sets or keeps them. */
  readonly entrypoint?: readonly string[] | null | undefined;
  /** The default arguments, or the default command when there is no entrypoint. */
  readonly cmd?: readonly string[] | null | undefined;
  /**
   * Keeps the default arguments beside a new entrypoint.
   * @defaultValue false
   */
  readonly keepCmd?: boolean | undefined;
  /** User name or UID, optionally followed by `:` and a group. */
  readonly user?: string | null | undefined;
  /** The working directory of the process. */
  readonly workingDir?: string | null | undefined;
  /** The whole set of ports: `80`, `80/tcp`, `53/udp` or `132/sctp`. A number alone means TCP. */
  readonly exposedPorts?: readonly string[] | null | undefined;
  /** The whole set of volumes, as paths. */
  readonly volumes?: readonly string[] | null | undefined;
  /** The signal that stops the container, such as `SIGTERM`. */
  readonly stopSignal?: string | null | undefined;
  /** The check that tells whether the container works, in the form of docker's config. */
  readonly healthcheck?: Healthcheck | null | undefined;
  /** The shell for the shell form of commands, such as `["/bin/bash", "-c"]`. */
  readonly shell?: readonly string[] | null | undefined;
  /** The name or the address of the image's author. */
  readonly author?: string | null | undefined;
}

/**
 * A health check in the form of docker's config. Times are in nanoseconds.
 * @see https://github.com/moby/docker-image-spec/blob/v1.3.1/spec.md
 */
export interface Healthcheck {
  /** `["CMD", …]`, `["CMD-SHELL", command]`, or `["NONE"]` to switch off an inherited one. */
  readonly Test?: readonly string[] | undefined;
  /** The time between two checks. */
  readonly Interval?: number | undefined;
  /** The time after which a check has failed. */
  readonly Timeout?: number | undefined;
  /** The time at the start in which failures do not count. */
  readonly StartPeriod?: number | undefined;
  /** The time between two checks in the start period. */
  readonly StartInterval?: number | undefined;
  /** The number of failures in a row after which the container counts as unhealthy. */
  readonly Retries?: number | undefined;
}

const orNull = (takes: string, check: Check): Check => either(`${takes} or null`, check, oneOf(null));
const words = orNull('a list of strings', arrayOf(text));
/** Checks for a string, or null, which removes a member. */
export const nullableText: Check = orNull('a string', text);
const values = recordOf(nullableText);

const shape: Shape<ConfigEdit> = {
  env: values,
  labels: values,
  entrypoint: words,
  cmd: words,
  keepCmd: flag,
  user: nullableText,
  workingDir: nullableText,
  exposedPorts: words,
  volumes: words,
  stopSignal: nullableText,
  healthcheck: orNull('an object', object),
  shell: words,
  author: nullableText,
};

/**
 * Checks a change before anything is read.
 * @throws INVALID_OPTION
 */
export function checkConfigEdit(change: ConfigEdit): void {
  checkOptions('withConfig', change, shape);
  for (const port of change.exposedPorts ?? []) parsePort(port);
  for (const name of Object.keys(change.env ?? {})) {
    if (name === '' || name.includes('='))
      throw new InputError(
        'INVALID_OPTION',
        `"${name.slice(0, 100)}" is not a name of an environment variable`,
      );
  }
}

/** Returns the edits of a config's JSON that make the change. */
export function configEdits(config: ImageConfig, change: ConfigEdit): readonly JsonChange[] {
  const { config: run = {}, os } = config;
  const {
    entrypoint,
    keepCmd = false,
    cmd = entrypoint === undefined || keepCmd ? undefined : null,
  } = change;
  return [
    ...member('User', change.user),
    ...keyEdits('ExposedPorts', run.ExposedPorts, change.exposedPorts?.map(parsePort) ?? change.exposedPorts),
    ...(change.env === undefined ? [] : envEdits(run.Env ?? [], change.env, os === 'windows')),
    ...member('Entrypoint', entrypoint),
    ...member('Cmd', cmd),
    ...keyEdits('Volumes', run.Volumes, change.volumes),
    ...member('WorkingDir', change.workingDir),
    ...Object.entries(change.labels ?? {}).map(([key, value]) => ({
      path: ['config', 'Labels', key] as const,
      value: value ?? undefined,
    })),
    ...member('StopSignal', change.stopSignal),
    ...member('Healthcheck', change.healthcheck),
    ...member('Shell', change.shell),
    ...(change.author === undefined
      ? []
      : [{ path: ['author'] as const, value: change.author ?? undefined }]),
  ];
}

/** Sets a member of the part for running; an empty value removes it. */
function member(name: string, value: unknown): readonly JsonChange[] {
  return value === undefined ? [] : [{ path: ['config', name], value: isNothing(value) ? undefined : value }];
}

function isNothing(value: unknown): boolean {
  return value === null || value === '' || (Array.isArray(value) && value.length === 0);
}

/** Replaces the keys of a set that the format writes as an object. Keys that stay keep their values. */
function keyEdits(
  name: string,
  before: Readonly<Record<string, unknown>> = {},
  keys: readonly string[] | null | undefined,
): readonly JsonChange[] {
  if (keys === undefined) return [];
  if (keys === null || keys.length === 0) return [{ path: ['config', name], value: undefined }];
  const gone = Object.keys(before).filter((key) => !keys.includes(key));
  const added = keys.filter((key) => !Object.hasOwn(before, key));
  return [
    ...gone.map((key) => ({ path: ['config', name, key] as const, value: undefined })),
    ...added.map((key) => ({ path: ['config', name, key] as const, value: {} })),
  ];
}

/** Returns the edit of the environment. A null value removes the variable. */
export function envEdits(
  before: readonly string[],
  changes: Readonly<Record<string, string | null>>,
  isWindows: boolean,
): readonly JsonChange[] {
  const fold = (name: string): string => (isWindows ? name.toUpperCase() : name);
  let env = before;
  for (const [name, value] of Object.entries(changes)) {
    const at = env.findIndex((entry) => fold(variableName(entry)) === fold(name));
    const kept = variableName(env[at] ?? name);
    // All entries of the name go, since a second one would keep its old value.
    const others = env.filter((entry) => fold(variableName(entry)) !== fold(name));
    env = others.toSpliced(at < 0 ? others.length : at, 0, ...(value === null ? [] : [`${kept}=${value}`]));
  }
  const isSame = env.length === before.length && env.every((entry, at) => entry === before[at]);
  return isSame ? [] : [{ path: ['config', 'Env'], value: env.length === 0 ? undefined : env }];
}

/** Returns the name in an entry of the environment. An entry without a value is a name alone. */
export function variableName(entry: string): string {
  const [name = ''] = entry.split('=', 1);
  return name;
}
