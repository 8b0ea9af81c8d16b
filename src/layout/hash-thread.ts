import { Worker } from 'node:worker_threads';
import { writeFully } from '../files/files.ts';
import { createHasher } from '../flow/hash.ts';
import { type Algorithm, parseDigest } from '../spec/digest.ts';
import { createHashWriter, type HashWriter } from './hash-writer.ts';

/** What the thread is asked; it answers in the same order. */
export interface HashQuestion {
  /** Which hash. */
  readonly id: number;
  readonly algorithm: Algorithm;
  readonly write?: { readonly fd: number; readonly bytes: Uint8Array; readonly position: number };
  /** The hash ends here. */
  readonly last: boolean;
}

export interface HashAnswer {
  /** Hexadecimal, where the hash has ended. */
  readonly encoded?: string;
  /** What the disk has said. */
  readonly failure?: { readonly message: string; readonly code: string | undefined };
}

/** A thread that hashes and writes, so that neither keeps this one from its connections. */
export interface HashThread {
  /** Where there is no thread it hashes and writes from here. One whose thread ends goes on from here, too, without a hash. */
  writer(algorithm: Algorithm): HashWriter;
}

const program: URL = new URL('./hash-program.js', import.meta.url);

/** One serves all blobs of a process: hashing and writing take a third of what the connections take. */
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
          running = false;
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

/** From here on a thread that hashes and writes is sooner done, although it has to be started. */
const worthThread = 32 * 1024 * 1024;
/** What of a blob of unknown size comes first if it isn't a small one: a whole step. */
const largeStep = 1024 * 1024;
let thread: HashThread | undefined;

/** For a blob of which `size` bytes will come, as far as known, and `first` at once. */
export function startHashWriter(
  algorithm: Algorithm,
  { size, first }: { readonly size: number | undefined; readonly first: number },
): HashWriter {
  const large = size === undefined ? first >= largeStep : size >= worthThread;
  if (!large) return createHashWriter(createHasher(algorithm));
  thread ??= createHashThread();
  return thread.writer(algorithm);
}

interface Thread {
  isUp(): boolean;
  /** What it answers, or `undefined` if it has ended. */
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
    // Without the flags of this process: some are not for threads.
    worker = new Worker(file, { execArgv: [] });
    worker.on('message', (answer: HashAnswer) => {
      waiting.shift()?.(answer);
      if (waiting.length === 0) worker?.unref();
    });
    worker.on('error', end);
    worker.on('exit', end);
    // It keeps no process from ending, unless somebody waits for it.
    worker.unref();
  } catch {
    // Not everywhere may threads be started: it goes without.
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
