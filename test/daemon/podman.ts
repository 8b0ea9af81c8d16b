import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { output } from '../../bench/support/programs.ts';
import { startProgram } from '../cli/gantry.ts';

/** podman's own daemon with an image store of its own. */
export interface PodmanService extends AsyncDisposable {
  /** The address for DOCKER_HOST. */
  readonly host: string;
  /** The folder for its temporary files. */
  readonly temporary: string;
  /** Runs podman beside the daemon, over the same store. */
  podman(...args: readonly string[]): Promise<string>;
}

export async function startPodmanService(): Promise<PodmanService> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-podman-'));
  const temporary = await mkdtemp(join(folder, 'tmp-'));
  const socket = join(folder, 'podman.sock');
  const auth = join(folder, 'auth.json');
  await writeFile(auth, '{}');
  const env = { REGISTRY_AUTH_FILE: auth, TMPDIR: temporary };
  const options = [
    `--root=${join(folder, 'root')}`,
    `--runroot=${join(folder, 'run')}`,
    // The only driver without mounts and without the kernel's overlays. No systemd, no journal.
    '--storage-driver=vfs',
    '--cgroup-manager=cgroupfs',
    '--events-backend=none',
  ];
  const child = startProgram('podman', [...options, 'system', 'service', '--time=0', `unix://${socket}`], {
    env,
  });
  // It logs each request.
  child.stdout?.resume();
  child.stderr?.resume();
  const closed = once(child, 'close');
  await answers(socket, child);
  return {
    host: `unix://${socket}`,
    temporary,
    podman: (...args) => output('podman', [...options, ...args], { env }),
    async [Symbol.asyncDispose]() {
      child.kill();
      await closed;
      // Without root only podman can remove folders that nobody may write to.
      await output('podman', [...options, 'rmi', '--all', '--force'], { env });
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Resolves when the socket takes connections. Rejects when the program ends before. */
async function answers(socket: string, child: ChildProcess): Promise<void> {
  for (;;) {
    if (child.exitCode !== null) throw new Error(`podman system service ended with ${child.exitCode}`);
    const isUp = await new Promise<boolean>((resolve) => {
      const connection = connect(socket);
      connection.once('connect', () => {
        connection.destroy();
        resolve(true);
      });
      connection.once('error', () => setTimeout(() => resolve(false), 20));
    });
    if (isUp) return;
  }
}
