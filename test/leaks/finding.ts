import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** The folder for the findings of all processes of a run. run.ts sets it for every child process. */
export const findingsVariable = 'GANTRY_TEST_FINDINGS';

export type Where = 'log' | 'stdout' | 'stderr' | 'title' | 'arguments' | 'error' | 'event' | 'report';

/** A secret in a place that must hold none. */
export interface Finding {
  readonly where: Where;
  /** The test file of the process. */
  readonly file: string;
  /** The program and its first arguments, if another process wrote it. */
  readonly command?: string;
  /** The surrounding text without the secret itself. */
  readonly shown: string;
}

/** The amount that a process has searched, by place. */
export type Searched = Partial<Record<Where, number>>;

export interface Written {
  readonly finding?: Finding;
  readonly searched?: Searched;
}

export function writeRecord(folder: string, record: Written): void {
  appendFileSync(join(folder, `${process.pid}.jsonl`), `${JSON.stringify(record)}\n`);
}

export function readRecords(folder: string): readonly Written[] {
  return readdirSync(folder).flatMap((name) =>
    readFileSync(join(folder, name), 'utf8')
      .trimEnd()
      .split('\n')
      .map((line): Written => JSON.parse(line)),
  );
}
