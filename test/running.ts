import { basename } from 'node:path';
import type { TestsStream } from 'node:test';
import { endLeftovers, testProcesses } from './leftovers.ts';

/** Milliseconds between two looks at the processes of the run. */
const interval = 2000;

/**
 * Ends each file after `limit` milliseconds. The result grows by a line for each ended file, with the tests that ran in
 * it, and for each program that outlived its test file. The `timeout` of node:test ends a file on Node 20, and on later
 * versions only the test in it, whose handles keep the file running. Node 22 reports no begin and end of files, so this
 * looks at the processes themselves.
 */
export function watchFiles(stream: TestsStream, files: readonly string[], limit: number): readonly string[] {
  const running = new Map<string, Set<string>>();
  const culprits: string[] = [];
  /** By process, only those of the last look, since the system reuses process ids. */
  let since = new Map<number, number>();
  stream.on('test:dequeue', ({ name, file = '' }) => {
    running.set(file, (running.get(file) ?? new Set()).add(name));
  });
  stream.on('test:complete', ({ name, file = '' }) => running.get(file)?.delete(name));
  const look = (): void => {
    culprits.push(...leftovers());
    const now = performance.now();
    const before = since;
    since = new Map();
    for (const { pid, file } of testProcesses(files)) {
      const begun = before.get(pid) ?? now;
      since.set(pid, begun);
      if (now - begun < limit) continue;
      const names = [...(running.get(file) ?? [])].filter((name) => name !== file).join(' › ');
      culprits.push(`${basename(file)} did not end in ${limit / 1000} s; running: ${names || 'no test'}`);
      process.kill(pid, 'SIGKILL');
    }
  };
  setInterval(look, interval).unref();
  process.on('exit', () => culprits.push(...leftovers()));
  return culprits;
}

function leftovers(): readonly string[] {
  return endLeftovers().map(({ file, command }) => `${basename(file)} left a program running: ${command}`);
}
