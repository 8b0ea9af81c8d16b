import process from 'node:process';
import { openFileSystem } from '../src/image/open-file-system.ts';
import { imageOfEntries } from './support/large-image.ts';

/**
 * Measures the memory and the time of merging and exporting an image with many files. Argument: their number, by default a
 * million. Prints one line of JSON.
 */
const count = Number(process.argv[2] ?? 1_000_000);

const started = performance.now();
const files = await openFileSystem(imageOfEntries(count));
const merged = performance.now();
let bytes = 0;
for await (const chunk of files.tar()) bytes += chunk.byteLength;
const ended = performance.now();
const result = {
  entries: count,
  bytes,
  mergedSeconds: Number(((merged - started) / 1000).toFixed(2)),
  exportedSeconds: Number(((ended - merged) / 1000).toFixed(2)),
  peakMiB: Math.round(process.resourceUsage().maxRSS / 1024),
};
process.stdout.write(`${JSON.stringify(result)}\n`);
