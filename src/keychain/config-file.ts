import { readFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { StorageError } from '../errors.ts';
import { absentAs, onDisk } from '../files/files.ts';
import { type DockerConfig, parseDockerConfig } from './docker-config.ts';

/** Locations of the credential files. */
export interface ConfigFileOptions {
  /**
   * The environment variables to read.
   * @defaultValue `process.env`
   */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** A file to read and write instead of docker's own `config.json`. */
  readonly configFile?: string | undefined;
}

/** Returns the path of docker's own file, which stores logins. */
export function dockerConfigFile({ env = process.env, configFile }: ConfigFileOptions): string {
  if (configFile !== undefined) return configFile;
  return join(env['DOCKER_CONFIG'] || join(homeOf(env), '.docker'), 'config.json');
}

/**
 * Yields all credential files, in order of precedence: DOCKER_AUTH_CONFIG, docker's file, podman's files, and docker's
 * old `.dockercfg`. With `configFile`, yields that file only.
 */
export async function* readConfigs(options: ConfigFileOptions): AsyncIterable<DockerConfig> {
  const { env = process.env, configFile } = options;
  const fromEnvironment = configFile === undefined ? env['DOCKER_AUTH_CONFIG'] : undefined;
  if (fromEnvironment)
    yield parseDockerConfig(new TextEncoder().encode(fromEnvironment), 'DOCKER_AUTH_CONFIG');
  const files = [dockerConfigFile(options), ...(configFile === undefined ? podmanFiles(env) : [])];
  for (const path of files) {
    const config = await readConfigFile(path);
    if (config !== undefined) yield config;
  }
  const legacy = configFile === undefined && (await readConfigFile(join(homeOf(env), '.dockercfg')));
  // The file contains only the entries.
  if (legacy) yield { what: legacy.what, document: { auths: legacy.document } };
}

/** Returns undefined when the file does not exist. Throws NO_PERMISSION, IO_FAILED, INVALID_OPTION. */
export async function readConfigFile(path: string): Promise<DockerConfig | undefined> {
  const bytes = await readable(path);
  return bytes === undefined ? undefined : parseDockerConfig(bytes, path);
}

async function readable(path: string): Promise<Uint8Array | undefined> {
  try {
    return await onDisk(path, () => absentAs(undefined, readFile(path)));
  } catch (error) {
    if (!(error instanceof StorageError)) throw error;
    const message = `${error.message}; gantry reads credentials from this file: make it readable, or set DOCKER_CONFIG to another folder`;
    throw new StorageError(error.code, message, { path, cause: error.cause });
  }
}

/** @see https://github.com/containers/image/blob/main/docs/containers-auth.json.5.md */
function podmanFiles(env: NodeJS.ProcessEnv): readonly string[] {
  const user = process.getuid?.();
  const explicit = env['REGISTRY_AUTH_FILE'];
  const runtime = env['XDG_RUNTIME_DIR'];
  return [
    ...(explicit ? [explicit] : []),
    ...(runtime ? [join(runtime, 'containers', 'auth.json')] : []),
    ...(!runtime && user !== undefined ? [`/run/containers/${user}/auth.json`] : []),
    join(env['XDG_CONFIG_HOME'] || join(homeOf(env), '.config'), 'containers', 'auth.json'),
  ];
}

function homeOf(env: NodeJS.ProcessEnv): string {
  return env['HOME'] || env['USERPROFILE'] || homedir();
}
