import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { isGantryError } from '../errors.ts';
import { collect } from '../flow/collect.ts';
import { bytesContent } from '../flow/content.ts';
import type { TarEntry } from './entry.ts';
import { readTar } from './read.ts';
import { scanTar } from './scan.ts';
import { type TarFileWithBody, writeTar } from './write.ts';

/** The entries of a tar, and the code of the error that ended the reading. */
interface Outcome {
  readonly entries: TarEntry[];
  code?: string;
}

function codeOf(error: unknown): string {
  if (isGantryError(error)) return error.code;
  throw error;
}

async function readEntries(tar: Uint8Array): Promise<Outcome> {
  const outcome: Outcome = { entries: [] };
  try {
    for await (const { body: _, ...entry } of readTar(bytesContent(tar).open())) outcome.entries.push(entry);
  } catch (error) {
    outcome.code = codeOf(error);
  }
  return outcome;
}

/** Scans a tar in chunks of equal size in one buffer, as a source may give them. */
function scanEntries(tar: Uint8Array, step: number): Outcome {
  const outcome: Outcome = { entries: [] };
  const buffer = new Uint8Array(step);
  try {
    const scan = scanTar('tar', (entry) => outcome.entries.push(entry));
    for (let at = 0; at < tar.byteLength; at += step) {
      const part = tar.subarray(at, at + step);
      buffer.set(part);
      scan.push(buffer.subarray(0, part.byteLength));
    }
    scan.end();
  } catch (error) {
    outcome.code = codeOf(error);
  }
  return outcome;
}

const file: fc.Arbitrary<TarFileWithBody> = fc
  .record({
    name: fc.constantFrom('a', 'b/c', 'é', 'x'.repeat(120)),
    size: fc.constantFrom(0, 1, 511, 512, 1500),
    nanoseconds: fc.constantFrom(0, 1),
  })
  .map((entry) => ({ ...entry, body: [new Uint8Array(entry.size).fill(7)] }));
const files = fc.array(file, { maxLength: 5 });
const step = fc.integer({ min: 1, max: 3000 });

function tarOf(wanted: readonly TarFileWithBody[]): Promise<Uint8Array> {
  return collect(writeTar(wanted), { limit: 2 ** 20, what: 'tar' });
}

describe('scanTar', () => {
  it('scanTar finds the entries that readTar finds, in chunks of any size', () =>
    fc.assert(
      fc.asyncProperty(files, step, async (wanted, size) => {
        const tar = await tarOf(wanted);
        const { entries, code } = scanEntries(tar, size);
        assert.deepEqual({ entries, code }, { ...(await readEntries(tar)), code: undefined });
        assert.equal(entries.length, wanted.length);
      }),
      { numRuns: 100 },
    ));

  it('scanTar refuses what readTar refuses, in a tar that is cut off or has a wrong byte', () =>
    fc.assert(
      fc.asyncProperty(files, step, fc.nat(), fc.nat(), async (wanted, size, cut, wrong) => {
        const whole = await tarOf(wanted);
        const tar = whole.slice(0, cut % (whole.byteLength + 1));
        const at = wrong % (tar.byteLength + 1);
        if (at < tar.byteLength) tar[at] = (tar[at] ?? 0) ^ 0x41;
        assert.deepEqual(scanEntries(tar, size), await readEntries(tar));
      }),
      { numRuns: 200 },
    ));

  it('scanTar ends at the end of the tar, and takes the bytes after it', async () => {
    const tar = await tarOf([{ name: 'a' }]);
    const seen: string[] = [];
    const scan = scanTar('tar', ({ name }) => seen.push(name));
    scan.push(tar);
    scan.push(new Uint8Array(5000).fill(1));
    scan.end();
    assert.deepEqual([seen, scan.offset], [['a'], 1024]);
  });
});
