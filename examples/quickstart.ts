import { spawn } from 'node:child_process';
import { createReadStream } from 'node:fs';
import { mkdtemp, readdir, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative, sep } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import {
  type Content,
  copyImage,
  createClient,
  createImage,
  createLayer,
  type Image,
  imageSource,
  type Layer,
  MediaType,
  openLayout,
  type TarFileWithBody,
  writeTar,
} from '../src/index.ts';
import { openDiskRegistry } from '../src/server/index.ts';
import { startRegistry } from '../src/testing/index.ts';

/**
 * Runs the main job from end to end on this machine: makes a real image, pushes it to a registry on disk, inspects it,
 * copies it to a second registry, pulls it back and validates it. Each step is a command that a user would type.
 */

const built = fileURLToPath(new URL('../src', import.meta.url));
const cli = join(built, 'cli', 'main.js');

/** Returns a layer with these files. Each reading makes it anew, so it takes no memory and no disk. */
function fileLayer(
  files: readonly { readonly name: string; readonly path: string; readonly size: number }[],
): Layer {
  const content: Content = {
    replayable: true,
    open: () => writeTar(files.map(toTarFile)),
  };
  return createLayer(content, { mediaType: MediaType.ociLayer });
}

function toTarFile(file: {
  readonly name: string;
  readonly path: string;
  readonly size: number;
}): TarFileWithBody {
  const { name, path, size } = file;
  return { name, size, mode: 0o755, body: createReadStream(path, { highWaterMark: 1024 * 1024 }) };
}

async function filesBelow(folder: string, prefix: string) {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const files = paths.sort().map(async (path) => ({
    name: `${prefix}/${relative(folder, path).split(sep).join('/')}`,
    path,
    size: (await stat(path)).size,
  }));
  return Promise.all(files);
}

async function makeImage(): Promise<Image> {
  const runtime = {
    name: 'usr/local/bin/node',
    path: process.execPath,
    size: (await stat(process.execPath)).size,
  };
  return createImage({
    config: {
      os: process.platform === 'win32' ? 'windows' : process.platform,
      architecture: process.arch === 'x64' ? 'amd64' : process.arch,
      config: {
        Entrypoint: ['/usr/local/bin/node', '/app/cli/main.js'],
        WorkingDir: '/app',
        Labels: { 'org.opencontainers.image.title': 'gantry' },
      },
    },
    layers: [fileLayer([runtime]), fileLayer(await filesBelow(built, 'app'))],
  });
}

async function saveAsLayout(image: Image, folder: string): Promise<void> {
  const { repository, root } = await imageSource(image);
  await using layout = await openLayout(folder, { mode: 'write' });
  await copyImage(repository, root.digest, layout);
  await layout.commit();
}

/** Runs the command line as a user would, with the output of this process. */
function gantry(...args: readonly string[]): Promise<void> {
  process.stdout.write(`\n$ gantry ${args.join(' ')}\n`);
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...args], { stdio: ['ignore', 'inherit', 'inherit'] });
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`gantry ${args[0] ?? ''} ended with ${code}`));
    });
  });
}

const home = await mkdtemp(join(tmpdir(), 'gantry-quickstart-'));
try {
  process.stdout.write(
    'A registry with its store on disk, a second one in memory, and an image of this very program:\n',
  );
  await using store = await openDiskRegistry(join(home, 'registry'));
  await using first = await startRegistry({ registry: store });
  await using second = await startRegistry();
  const image = await makeImage();
  await saveAsLayout(image, join(home, 'image'));
  const { digest } = (await image.manifest()).descriptor;

  const name = `${first.host}/demo/gantry:latest`;
  const copied = `${second.host}/demo/gantry:latest`;
  const pulled = join(home, 'pulled');
  await gantry('push', join(home, 'image'), name);
  await gantry('ls', `${first.host}/demo/gantry`);
  await gantry('inspect', name);
  await gantry('copy', name, copied);
  await gantry('pull', '--format=oci', copied, pulled);
  await gantry('validate', '--remote', copied);

  await using client = createClient();
  const back = await client.getDescriptor(`oci:${pulled}`);
  if (back.digest !== digest) throw new Error(`pulled ${back.digest}, pushed ${digest}`);
  for await (const { problem } of client.validate(`oci:${pulled}`)) {
    if (problem !== undefined) throw new Error(problem);
  }
  process.stdout.write(`
Every digest is the one that was made: ${digest}
Nothing is left behind. What you might type next:

  npx gantry serve --address 127.0.0.1:5000 --disk ./registry
  npx gantry copy alpine:3 localhost:5000/alpine:3
  npx gantry --help
`);
} finally {
  await rm(home, { recursive: true, force: true });
}
