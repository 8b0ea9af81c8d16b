import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Readable } from 'node:stream';

export interface RunningRegistry extends AsyncDisposable {
  /** `127.0.0.1:40000` */
  readonly host: string;
}

/** Starts Debian's `docker-registry` (distribution 2.8) on a free port, with a store that is removed with it. */
export async function startDistribution(
  options: {
    /** The lines of an htpasswd file. Only these users have rights. */ readonly htpasswd?: string;
    /** The token service that it accepts: the `token` part of its configuration. */
    readonly token?: Readonly<Record<'realm' | 'service' | 'issuer' | 'rootcertbundle', string>>;
    /** The certificate with which it speaks TLS. */
    readonly tls?: { readonly certFile: string; readonly keyFile: string } | undefined;
  } = {},
): Promise<RunningRegistry & { readonly pid: number | undefined }> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-distribution-'));
  const users = join(folder, 'htpasswd');
  const config = join(folder, 'config.json');
  if (options.htpasswd !== undefined) await writeFile(users, options.htpasswd);
  const auth = {
    ...(options.htpasswd === undefined ? {} : { htpasswd: { realm: 'gantry tests', path: users } }),
    ...(options.token === undefined ? {} : { token: options.token }),
  };
  // JSON is valid YAML and needs no special quoting.
  await writeFile(
    config,
    JSON.stringify({
      version: 0.1,
      log: { level: 'info', accesslog: { disabled: true } },
      storage: { filesystem: { rootdirectory: join(folder, 'store') }, delete: { enabled: true } },
      http: {
        addr: '127.0.0.1:0',
        ...(options.tls === undefined
          ? {}
          : { tls: { certificate: options.tls.certFile, key: options.tls.keyFile } }),
      },
      ...(Object.keys(auth).length === 0 ? {} : { auth }),
    }),
  );
  const child = spawn('docker-registry', ['serve', config], {
    stdio: ['ignore', 'ignore', 'pipe'],
    // Ends the registry even if the tests never do.
    timeout: 1_800_000,
  });
  const stop = async (): Promise<void> => {
    if (child.exitCode === null && child.signalCode === null && child.kill('SIGKILL')) {
      await once(child, 'close');
    }
    await rm(folder, { recursive: true, force: true });
  };
  try {
    return { host: await addressOf(child), pid: child.pid, [Symbol.asyncDispose]: stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

/** Reads the port that the system gave it from its log. Reads the log to its end, since a full pipe would stop it. */
function addressOf({ stderr }: ChildProcessByStdio<null, null, Readable>): Promise<string> {
  return new Promise((resolve, reject) => {
    let log = '';
    const onData = (chunk: unknown): void => {
      log += String(chunk);
      const address = /listening on (127\.0\.0\.1:\d+)/.exec(log)?.[1];
      if (address === undefined) return;
      stderr.off('data', onData).resume();
      resolve(address);
    };
    stderr.on('data', onData);
    stderr.on('close', () => reject(new Error(`docker-registry ended without listening: ${log}`)));
  });
}
