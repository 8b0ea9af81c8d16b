import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ended, output, type RunOptions, run } from '../../bench/support/programs.ts';
import type { Identity } from './images.ts';

/** podman with an image store of its own. It only moves images and runs nothing, so it needs no privileges. */
export interface Podman extends AsyncDisposable {
  (...args: readonly string[]): Promise<string>;
  /** Runs a command that may fail. */
  attempt(args: readonly string[], input: string): Promise<Ended>;
}

/** `env` is the environment of all its commands. */
export async function openPodman({ env: more = {} }: Pick<RunOptions, 'env'> = {}): Promise<Podman> {
  const folder = await mkdtemp(join(tmpdir(), 'gantry-podman-'));
  // podman requires a file that its environment names.
  const auth = join(folder, 'auth.json');
  await writeFile(auth, '{}');
  const env = { REGISTRY_AUTH_FILE: auth, ...more };
  const options = [
    `--root=${join(folder, 'root')}`,
    `--runroot=${join(folder, 'run')}`,
    // The only driver without mounts and without the kernel's overlays. No systemd, no journal.
    '--storage-driver=vfs',
    '--cgroup-manager=cgroupfs',
    '--events-backend=none',
  ];
  const podman = (...args: readonly string[]): Promise<string> =>
    output('podman', [...options, ...args], { env });
  return Object.assign(podman, {
    attempt: (args: readonly string[], input: string) => run('podman', [...options, ...args], { env, input }),
    async [Symbol.asyncDispose]() {
      // Without root only podman can remove folders that nobody may write to.
      await podman('rmi', '--all', '--force');
      await rm(folder, { recursive: true, force: true });
    },
  });
}

export interface PodmanImage extends Identity {
  /** The digest of its manifest. */
  readonly digest: string;
  readonly repoDigests: readonly string[];
}

export async function inspect(podman: Podman, name: string): Promise<PodmanImage> {
  const [image]: readonly {
    readonly Id: string;
    readonly Digest: string;
    readonly RepoDigests: readonly string[];
    readonly RootFS: { readonly Layers: readonly string[] };
  }[] = JSON.parse(await podman('image', 'inspect', name));
  if (image === undefined) throw new Error(`podman has no ${name}`);
  return {
    digest: image.Digest,
    repoDigests: image.RepoDigests,
    config: `sha256:${image.Id}`,
    diffIds: image.RootFS.Layers,
  };
}
