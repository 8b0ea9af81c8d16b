import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import {
  type Content,
  copyImage,
  createImage,
  createLayer,
  imageSource,
  MediaType,
  openLayout,
} from '../src/index.ts';

/**
 * Peak memory and time of moving one large layer: push from a layout, registry to registry, pull into a layout.
 * The registries are processes of their own, so a figure is the client's alone. Argument: MiB, default 1024.
 */

const cli = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
/** Tells the peak through a pipe when the program ends; the program itself is as it is. */
const probe = `data:text/javascript,${encodeURIComponent(
  "import fs from 'node:fs'; process.on('exit', () => fs.writeSync(3, String(process.resourceUsage().maxRSS)));",
)}`;

interface Figures {
  readonly seconds: number;
  readonly peak: number;
}

async function measured(...args: readonly string[]): Promise<Figures> {
  const started = performance.now();
  const child = spawn(process.execPath, ['--import', probe, cli, ...args, '--progress=none'], {
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  let told = '';
  child.stdio[3]?.on('data', (chunk: Buffer) => {
    told += chunk.toString();
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(`gantry ${args.join(' ')} ended with ${code}`);
  return { seconds: (performance.now() - started) / 1000, peak: Number(told) / 1024 };
}

async function serve(folder: string): Promise<{ readonly host: string; stop(): Promise<unknown> }> {
  const child = spawn(
    process.execPath,
    [cli, 'serve', '--json', '--address', '127.0.0.1:0', '--disk', folder],
    {
      stdio: ['ignore', 'pipe', 'ignore'],
    },
  );
  const [line] = await once(child.stdout, 'data');
  const { url }: { readonly url: string } = JSON.parse(String(line));
  return {
    host: new URL(url).host,
    stop: () => {
      child.kill();
      return once(child, 'close');
    },
  };
}

/** Bytes that no disk or transport can make smaller, the same in every run. */
function incompressible(size: number): Content {
  const block = new Uint8Array(1024 * 1024);
  for (let at = 0, x = 1; at < block.length; at++) {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0;
    block[at] = x >>> 24;
  }
  return {
    size,
    replayable: true,
    async *open() {
      const view = new DataView(block.buffer);
      for (let at = 0; at < size; at += block.length) {
        view.setUint32(0, at / block.length);
        yield block.subarray(0, Math.min(block.length, size - at));
      }
    },
  };
}

const size = Number(process.argv[2] ?? 1024) * 1024 * 1024;
const home = await mkdtemp(join(tmpdir(), 'gantry-bench-'));
const servers = [await serve(join(home, 'first')), await serve(join(home, 'second'))];
try {
  const [first, second] = servers.map(({ host }) => `${host}/bench/large:1`);
  if (first === undefined || second === undefined) throw new Error('no registry');
  const layer = createLayer(incompressible(size), { mediaType: MediaType.ociLayer });
  const { repository, root } = await imageSource(
    createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [layer] }),
  );
  {
    await using layout = await openLayout(join(home, 'layout'), { mode: 'write' });
    await copyImage(repository, root.digest, layout, { tags: ['1'] });
    await layout.commit();
  }
  const rows = {
    push: await measured('push', join(home, 'layout'), first),
    copy: await measured('copy', first, second),
    pull: await measured('pull', '--format=oci', second, join(home, 'pulled')),
    'pull (tarball)': await measured('pull', second, join(home, 'pulled.tar')),
  };
  process.stdout.write(`one layer of ${size / 1024 / 1024} MiB, Node ${process.version}\n`);
  for (const [name, { seconds, peak }] of Object.entries(rows)) {
    process.stdout.write(
      `${name.padEnd(16)} ${seconds.toFixed(2).padStart(7)} s   peak ${peak.toFixed(0)} MiB\n`,
    );
  }
} finally {
  await Promise.all(servers.map((server) => server.stop()));
  await rm(home, { recursive: true, force: true });
}
