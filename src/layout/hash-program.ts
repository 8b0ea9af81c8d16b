import { createHash, type Hash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { HashAnswer, HashQuestion } from './hash-thread.ts';

/**
 * Bytes in one write. For longer ones Linux looks for memory in larger pieces, which it has to get anew while small ones
 * were used a moment ago; and here a write more costs little, since nobody has to be woken for it.
 */
const writeStep = 32 * 1024;

const hashes = new Map<number, Hash>();

function answer({ id, algorithm, write, last }: HashQuestion): HashAnswer {
  const hash = hashes.get(id) ?? createHash(algorithm);
  if (last) hashes.delete(id);
  else hashes.set(id, hash);
  if (write !== undefined) {
    const { fd, bytes, position } = write;
    hash.update(bytes);
    for (let done = 0; done < bytes.byteLength; ) {
      const length = Math.min(bytes.byteLength - done, writeStep);
      done += writeSync(fd, bytes, done, length, position + done);
    }
  }
  return last ? { encoded: hash.digest('hex') } : {};
}

/** A thread hands over errors without their code. */
function failureOf(error: unknown): NonNullable<HashAnswer['failure']> {
  if (!(error instanceof Error)) return { message: String(error), code: undefined };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { message: error.message, code };
}

parentPort?.on('message', (question: HashQuestion) => {
  try {
    parentPort?.postMessage(answer(question));
  } catch (error) {
    // What is written after this is not hashed here any more.
    hashes.delete(question.id);
    parentPort?.postMessage({ failure: failureOf(error) } satisfies HashAnswer);
  }
});
