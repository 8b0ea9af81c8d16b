import { readFile, writeFile } from 'node:fs/promises';

/** What a running process has taken, from outside. */
export interface Watch {
  /** Peak memory in bytes and seconds of processor time since the last time. */
  take(): Promise<{ readonly rss: number; readonly cpu: number }>;
}

/** The kernel counts a process's time in these, on every Linux. Per second. */
const ticks = 100;

/** Of a process on Linux, of the same user. */
export function watchProcess(pid: number): Watch {
  let before = 0;
  return {
    async take() {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
      // Its peak begins anew from what it holds now.
      await writeFile(`/proc/${pid}/clear_refs`, '5');
      const rss = Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1] ?? Number.NaN) * 1024;
      // The name, in parentheses, may hold anything.
      const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      const cpu = (Number(fields[11]) + Number(fields[12])) / ticks;
      const taken = { rss, cpu: cpu - before };
      before = cpu;
      return taken;
    },
  };
}
