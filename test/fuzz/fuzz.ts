import assert from 'node:assert/strict';
import { it } from 'node:test';
import { Worker } from 'node:worker_threads';
import * as fc from 'fast-check';
import { isGantryError } from '../../src/errors.ts';
import { growthOf } from '../patterns/growth.ts';

/** The cases for each parser: 1,000, or the number in GANTRY_FUZZ_RUNS. */
export const runs: number = Number(process.env['GANTRY_FUZZ_RUNS'] ?? 1000);
/** No code can interrupt a parser that hangs, so a limit outside ends the whole process. */
const patience = runs > 1000 ? 3_600_000 : 480_000;
new Worker(`setTimeout(() => process.kill(process.pid, 'SIGKILL'), ${patience})`, { eval: true }).unref();

/** A long run must find new failures, so its seed is new. A short one is the same every time. */
const isLong = runs > 1000;
const seed = process.env['GANTRY_FUZZ_SEED'] ?? (isLong ? undefined : '20260101');

/**
 * Feeds a parser, which may return anything and throw only gantry's own errors. A failure prints the seed and the path
 * that repeat it (GANTRY_FUZZ_SEED), and the smallest failing case.
 */
export function fuzz<T>(
  name: string,
  cases: fc.Arbitrary<T>,
  parse: (input: T) => unknown,
  count: number = runs,
): void {
  it(`${count} random cases of ${name} cause only errors of gantry`, async () => {
    const property = fc.asyncProperty(cases, (input) => throwsOnlyOurs(() => parse(input)));
    await fc.assert(property, { numRuns: count, ...(seed === undefined ? {} : { seed: Number(seed) }) });
  });
}

/**
 * Feeds a parser with input that makes slow parsers hang: one piece repeated, up to a mebibyte in a long run, between a
 * beginning and an end that keep many readings open. Doubled input may take three times the CPU at most. A parser that
 * hangs is killed.
 */
export function standsPathological(
  name: string,
  pieces: readonly string[],
  parse: (input: string) => unknown,
  size: number = isLong ? 2 ** 20 : 2 ** 16,
): void {
  it(`${pieces.length} repeated pieces of ${name} take linear time`, async () => {
    for (const piece of pieces) {
      const body = piece.repeat(Math.ceil(size / piece.length));
      for (const text of [
        body,
        `${pieces[0] ?? ''}${body}`,
        `${body}\u0000`,
        `${body}${pieces.at(-1) ?? ''}`,
      ]) {
        const feed = (length: number) => throwsOnlyOurs(() => parse(text.slice(text.length - length)));
        const ratio = await growthOf(feed, Math.floor(text.length / 2));
        assert.equal(ratio, undefined, `${JSON.stringify(piece)} again and again`);
      }
    }
  });
}

async function throwsOnlyOurs(parse: () => unknown): Promise<void> {
  try {
    await parse();
  } catch (error) {
    assert.ok(isGantryError(error), error instanceof Error ? (error.stack ?? error.message) : String(error));
    assert.doesNotMatch(error.message, /\n/);
  }
}

export const bytesOf = (text: string): Uint8Array => new TextEncoder().encode(text);

/** Text of the pieces of a grammar, and sometimes of any characters. */
export function grammar(...pieces: readonly string[]): fc.Arbitrary<string> {
  const piece = fc.oneof(
    { arbitrary: fc.constantFrom(...pieces), weight: 8 },
    { arbitrary: fc.string({ unit: 'binary', maxLength: 4 }), weight: 1 },
    { arbitrary: fc.string({ maxLength: 8 }), weight: 1 },
    { arbitrary: fc.bigInt({ min: -1n, max: 2n ** 70n }).map(String), weight: 1 },
  );
  return fc.array(piece, { maxLength: 30 }).map((parts) => parts.join(''));
}

/** A right text with some pieces removed, doubled, exchanged or replaced. */
export function mutated(sample: string): fc.Arbitrary<string> {
  const edit = fc.record({
    at: fc.nat(sample.length),
    length: fc.nat(8),
    text: fc.oneof(
      fc.string({ unit: 'binary', maxLength: 6 }),
      fc.constantFrom('"', '{', '}', '[', ']', ',', ':', '\\', '\0', 'null', '-1', '1e400', '/', '..', '='),
      fc.nat(sample.length).map((from) => sample.slice(from, from + 40)),
    ),
  });
  return fc
    .array(edit, { minLength: 1, maxLength: 5 })
    .map((edits) =>
      edits.reduce(
        (text, { at, length, text: by }) => `${text.slice(0, at)}${by}${text.slice(at + length)}`,
        sample,
      ),
    );
}

/** Right bytes, some of which are changed, cut off or doubled. */
export function spoilt(sample: Uint8Array): fc.Arbitrary<Uint8Array> {
  const edit = fc.record({ at: fc.nat(sample.byteLength - 1), value: fc.nat(255) });
  return fc
    .record({
      edits: fc.array(edit, { maxLength: 12 }),
      cut: fc.option(fc.nat(sample.byteLength)),
      twice: fc.boolean(),
    })
    .map(({ edits, cut, twice }) => {
      const bytes = Uint8Array.from(sample);
      for (const { at, value } of edits) bytes[at] = value;
      const part = cut === null ? bytes : bytes.subarray(0, cut);
      return twice ? Uint8Array.from([...part, ...bytes.subarray(0, 2048)]) : part;
    });
}
