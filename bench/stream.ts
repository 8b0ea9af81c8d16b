import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';
import { createClient, createImage, createStreamLayer } from '../src/index.ts';

/**
 * Peak memory of pushing one large layer that is generated while it is pushed. The registry is a process of its own.
 * Arguments: MiB, default 10240, and the compression, default none.
 */
const mebibytes = Number(process.argv[2] ?? 10_240);
const compression = process.argv[3] === 'gzip' ? 'gzip' : 'none';

async function* generated(): AsyncIterable<Uint8Array> {
  const block = Buffer.alloc(1024 * 1024, 'gantry');
  for (let at = 0; at < mebibytes; at++) {
    block.writeUInt32BE(at);
    yield block;
  }
}

const cli = fileURLToPath(new URL('../src/cli/main.js', import.meta.url));
const home = await mkdtemp(join(tmpdir(), 'gantry-bench-'));
const server = spawn(process.execPath, [cli, 'serve', '--json', '--address', '127.0.0.1:0', '--disk', home], {
  stdio: ['ignore', 'pipe', 'ignore'],
});
try {
  const [line] = await once(server.stdout, 'data');
  const { url }: { readonly url: string } = JSON.parse(String(line));
  await using client = createClient();
  const layer = createStreamLayer(generated(), { compression });
  const image = createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [layer] });
  const started = performance.now();
  await client.pushImage(`${new URL(url).host}/bench/stream:1`, image);
  const seconds = (performance.now() - started) / 1000;
  const peak = process.resourceUsage().maxRSS / 1024;
  process.stdout.write(
    `a streamed layer of ${mebibytes} MiB, ${compression}, Node ${process.version}: ${seconds.toFixed(1)} s   peak ${peak.toFixed(0)} MiB\n`,
  );
} finally {
  server.kill();
  await once(server, 'close');
  await rm(home, { recursive: true, force: true });
}
