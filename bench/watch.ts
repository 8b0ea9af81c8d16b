import { readFile, writeFile } from 'node:fs/promises';

/** Reads the cost of a running process from outside. */
export interface Watch {
  /** Returns the peak memory in bytes and the seconds of processor time since the last call. */
  take(): Promise<{ readonly rss: number; readonly cpu: number }>;
}

/** The unit of a process's time on every Linux: ticks a second. */
const ticks = 100;

/** Watches a process of the same user on Linux. */
export function watchProcess(pid: number): Watch {
  let before = 0;
  return {
    async take() {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      // Sets the peak to the current size.
      await writeFile(`/proc/${pid}/clear_refs`, '5');
      const rss = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024;
      // The name, in parentheses, may contain any character.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const cpu = (Number(fields[11]) + Number(fields[12])) / ticks;
      const taken = { rss, cpu: cpu - before };
      before = cpu;
      return taken;
    },
  };
}
