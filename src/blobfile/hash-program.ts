import { createHash, type Hash } from 'node:crypto';
import { writeSync } from 'node:fs';
import { parentPort } from 'node:worker_threads';
import type { HashAnswer, HashQuestion } from './hash-thread.ts';

/**
 * Bytes per write. For longer writes Linux needs larger pieces of memory, which it must allocate, while recently used
 * small pieces are available. An additional write costs little here, because no other thread must be woken for it.
 */
const writeStep = 32 * 1024;

/** The running hashes. This program is a thread of its own, so they belong to the thread. */
/** Undefined for a hash that a failure of the disk has ended: later steps of the same file may be on their way. */
const hashes = new Map<number, Hash | undefined>();

function answer({ id, algorithm, write, last }: HashQuestion): HashAnswer {
  const hash = hashes.has(id) ? hashes.get(id) : createHash(algorithm);
  if (last) hashes.delete(id);
  else hashes.set(id, hash);
  if (hash === undefined)
    return write === undefined ? {} : { failure: { message: 'an earlier step failed', code: undefined } };
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

/** A thread passes errors on without their code. */
function failureOf(error: unknown): NonNullable<HashAnswer['failure']> {
  if (!(error instanceof Error)) return { message: String(error), code: undefined };
  const code = 'code' in error && typeof error.code === 'string' ? error.code : undefined;
  return { message: error.message, code };
}

parentPort?.on('message', (question: HashQuestion) => {
  try {
    parentPort?.postMessage(answer(question));
  } catch (error) {
    hashes.set(question.id, undefined);
    parentPort?.postMessage({ failure: failureOf(error) } satisfies HashAnswer);
  }
});
