import process from 'node:process';
import { createClient, createImage, createStreamLayer } from '../src/index.ts';
import { startRegistry } from './registries.ts';

/**
 * Measures the peak memory of pushing one large layer that is generated meanwhile. The registry is a process of its
 * own. Arguments: MiB, default 10240, and the compression, default none.
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

await using server = await startRegistry('gantry');
await using client = createClient();
const layer = createStreamLayer(generated(), { compression });
const image = createImage({ config: { os: 'linux', architecture: 'amd64' }, layers: [layer] });
const started = performance.now();
await client.pushImage(`${server.host}/bench/stream:1`, image);
const seconds = (performance.now() - started) / 1000;
const peak = process.resourceUsage().maxRSS / 1024;
process.stdout.write(
  `a streamed layer of ${mebibytes} MiB, ${compression}, Node ${process.version}: ${seconds.toFixed(1)} s   peak ${peak.toFixed(0)} MiB\n`,
);
