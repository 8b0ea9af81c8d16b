import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { startPages } from './pages.ts';
import { gantryProgram } from './programs.ts';
import type { Certificate } from './support/authority.ts';
import { type RunningRegistry, startDistribution } from './support/distribution.ts';
import { isInPath } from './support/programs.ts';
import type { TokenService } from './support/token-service.ts';

/**
 * The registries for the tools: Debian's and gantry, on disk unless the kind says otherwise, or one that has only tags.
 */
export type RegistryKind = 'docker-registry' | 'gantry' | 'gantry in memory' | 'pages';

export interface StartOptions {
  /** The number of tags of a registry that has only tags. */
  readonly tags?: number;
  /** Requires tokens of this service, which clients reach at `realm`. */
  readonly login?: { readonly service: TokenService; readonly realm: string };
  /** The certificate with which the registry speaks TLS. */
  readonly tls?: Certificate | undefined;
}

/** Returns the kinds that store pushed content and have their programs in PATH. */
export function registriesHere(): readonly RegistryKind[] {
  return isInPath('docker-registry') ? ['docker-registry', 'gantry'] : ['gantry'];
}

/** A started registry. It has a `pid` if it is a process. */
export interface StartedRegistry extends RunningRegistry {
  readonly pid?: number | undefined;
}

/** Starts an empty registry in a process of its own, on a port of this machine. */
export function startRegistry(
  kind: RegistryKind,
  { login, tags = 1, tls }: StartOptions = {},
): Promise<StartedRegistry> {
  if (kind === 'pages') return startPages(tags);
  if (kind !== 'docker-registry') return startGantry(kind === 'gantry', tls);
  const token = login === undefined ? {} : { token: { ...login.service.settings, realm: login.realm } };
  return startDistribution({ ...token, tls });
}

async function startGantry(onDisk: boolean, tls: Certificate | undefined): Promise<StartedRegistry> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-bench-store-'));
  const options = [
    ...(onDisk ? ['--disk', folder] : []),
    ...(tls === undefined ? [] : ['--tls-cert', tls.certFile, '--tls-key', tls.keyFile]),
  ];
  const child = spawn(
    process.execPath,
    [gantryProgram(), 'serve', '--json', '--address', '127.0.0.1:0', ...options],
    { stdio: ['ignore', 'pipe', 'ignore'] },
  );
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) {
      await once(child, 'close');
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const line = await Promise.race([once(child.stdout, 'data'), once(child, 'close').then(() => undefined)]);
    if (line === undefined) throw new Error('the embedded registry ended without listening');
    const { url }: { readonly url: string } = JSON.parse(String(line[0]));
    return { host: new URL(url).host, pid: child.pid, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
