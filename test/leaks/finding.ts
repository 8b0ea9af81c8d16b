import { appendFileSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where a run keeps what its processes found: set by run.ts, for every process below it. */
export const findingsVariable = 'GANTRY_TEST_FINDINGS';

export type Where = 'log' | 'stdout' | 'stderr' | 'title' | 'arguments' | 'error' | 'event' | 'report';

/** A secret in something that was to hold none. */
export interface Finding {
  readonly where: Where;
  /** The test file whose process it was. */
  readonly file: string;
  /** The program and its first arguments, where another process wrote it. */
  readonly command?: string;
  /** What stands around it, the secret itself struck out. */
  readonly shown: string;
}

/** How much of each a process has searched. */
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
