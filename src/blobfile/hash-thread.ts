import { Worker } from 'node:worker_threads';
import { writeFully } from '../files/files.ts';
import { createHasher } from '../flow/hash.ts';
import { type Algorithm, parseDigest } from '../spec/digest.ts';
import { createHashWriter, type HashWriter } from './hash-writer.ts';

/** A request to the thread. The thread answers in the order of the requests. */
export interface HashQuestion {
  /** The number of the hash. */
  readonly id: number;
  readonly algorithm: Algorithm;
  readonly write?: { readonly fd: number; readonly bytes: Uint8Array; readonly position: number };
  /** Whether the hash ends here. */
  readonly last: boolean;
}

export interface HashAnswer {
  /** The digest in hexadecimal, when the hash has ended. */
  readonly encoded?: string;
  /** The error of the disk. */
  readonly failure?: { readonly message: string; readonly code: string | undefined };
}

/** A thread that hashes and writes, so that the main thread stays free for its connections. */
export interface HashThread {
  /**
   * Returns a writer that uses the thread. Without a thread, it hashes and writes in this one. If the thread ends, it
   * continues here without a hash.
   */
  writer(algorithm: Algorithm): HashWriter;
}

/** The thread makes little garbage, and V8 would let it grow to the size of the main thread's. */
const resourceLimits = { maxYoungGenerationSizeMb: 2, maxOldGenerationSizeMb: 32 } as const;

const program: URL = new URL('./hash-program.js', import.meta.url);

/** One thread serves all large blobs: hashing and writing take a third of the time of the connections. */
export function createHashThread(file: URL = program): HashThread {
  const thread = startThread(file);
  let ids = 0;
  return {
    writer(algorithm) {
      if (!thread.isUp()) return createHashWriter(createHasher(algorithm));
      const id = ids++;
      let running = true;
      const askIt = async (
        question: Omit<HashQuestion, 'id' | 'algorithm'>,
      ): Promise<HashAnswer | undefined> => {
        const asked = running ? thread.ask({ id, algorithm, ...question }) : undefined;
        if (question.last) running = false;
        const answer = await asked;
        if (answer === undefined) running = false;
        return answer;
      };
      return {
        async write(file, bytes, position) {
          const answer = await askIt({ write: { fd: file.fd, bytes, position }, last: false });
          if (answer === undefined) return writeFully(file, bytes, position);
          const { failure } = answer;
          if (failure === undefined) return;
          // Ends the hash in the thread, too.
          void askIt({ last: true });
          throw Object.assign(new Error(failure.message), { code: failure.code, syscall: 'write' });
        },
        async digest() {
          const answer = await askIt({ last: true });
          return answer?.encoded === undefined ? undefined : parseDigest(`${algorithm}:${answer.encoded}`);
        },
        drop() {
          void askIt({ last: true });
        },
      };
    },
  };
}

/** Bytes. From this size on a thread is faster, although it must be started. */
const worthThread = 32 * 1024 * 1024;

/** Returns whether a blob of this size is hashed in the thread. */
export function isThreaded(size: number): boolean {
  return size >= worthThread;
}

/** Bytes. The first step of a blob of unknown size, unless the blob is smaller. */
const largeStep = 1024 * 1024;

interface BlobSize {
  /** The expected number of bytes, if known. */
  readonly size: number | undefined;
  /** The number of bytes in the first step. */
  readonly first: number;
}

/** The hashing of blobs: large ones share one thread. */
export interface Hashing {
  writer(algorithm: Algorithm, blob: BlobSize): HashWriter;
}

/** The thread starts with the first large blob. */
export function createHashing(startThread: () => HashThread = createHashThread): Hashing {
  let thread: HashThread | undefined;
  return {
    writer(algorithm, { size, first }) {
      const large = size === undefined ? first >= largeStep : isThreaded(size);
      if (!large) return createHashWriter(createHasher(algorithm));
      thread ??= startThread();
      return thread.writer(algorithm);
    },
  };
}

interface Thread {
  isUp(): boolean;
  /** Resolves with the answer, or with undefined when the thread has ended. */
  ask(question: HashQuestion): Promise<HashAnswer | undefined>;
}

function startThread(file: URL): Thread {
  const waiting: ((answer: HashAnswer | undefined) => void)[] = [];
  let worker: Worker | undefined;
  const end = (): void => {
    worker = undefined;
    for (const tell of waiting.splice(0)) tell(undefined);
  };
  try {
    // Without the flags of this process, since some are invalid for threads.
    worker = new Worker(file, { execArgv: [], resourceLimits });
    worker.on('message', (answer: HashAnswer) => {
      waiting.shift()?.(answer);
      if (waiting.length === 0) worker?.unref();
    });
    worker.on('error', end);
    worker.on('exit', end);
    // The thread must not keep the process alive, unless a caller waits for it.
    worker.unref();
  } catch {
    // Some environments forbid threads. Hashing then runs in this thread.
  }
  return {
    isUp: () => worker !== undefined,
    ask: (question) =>
      new Promise((resolve) => {
        if (worker === undefined) return resolve(undefined);
        waiting.push(resolve);
        worker.ref();
        worker.postMessage(question);
      }),
  };
}
