import { basename } from 'node:path';
import type { TestsStream } from 'node:test';
import { endLeftovers } from './leftovers.ts';

/**
 * Watches which tests run in which file. The result grows by a line for each file that had to be ended after `limit`
 * milliseconds, with the tests that ran in it, and for each program that outlived the file that started it.
 */
export function watchFiles(stream: TestsStream, limit: number): readonly string[] {
  const running = new Map<string, Set<string>>();
  const culprits: string[] = [];
  stream.on('test:dequeue', ({ name, file }) => {
    if (file === undefined || name === file) return;
    running.set(file, (running.get(file) ?? new Set()).add(name));
  });
  stream.on('test:complete', ({ name, file, details }) => {
    if (file === undefined) return;
    if (name !== file) {
      running.get(file)?.delete(name);
      return;
    }
    if (details.duration_ms >= limit) {
      const names = [...(running.get(file) ?? [])].join(' › ');
      culprits.push(`${basename(file)} did not end in ${limit / 1000} s; running: ${names || 'no test'}`);
    }
    culprits.push(...leftovers());
  });
  process.on('exit', () => culprits.push(...leftovers()));
  return culprits;
}

function leftovers(): readonly string[] {
  return endLeftovers().map(({ file, command }) => `${basename(file)} left a program running: ${command}`);
}
