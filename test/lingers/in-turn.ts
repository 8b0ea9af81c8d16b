import { appendFileSync } from 'node:fs';
import { run } from '../../src/cli/run.ts';
import { followTimers, stillHeld } from './held.ts';

/**
 * Runs command lines one after another in one process, which costs far less than a process for each. After each of them
 * it appends a line of JSON to a file: the name of the command, and the resources that hold the process.
 */
export interface Turn {
  readonly name: string;
  readonly words: readonly string[];
}

const [, , report = '', turns = '[]'] = process.argv;
const lines: readonly Turn[] = JSON.parse(turns);
followTimers();
for (const { name, words } of lines) {
  await run(words);
  const held = await stillHeld();
  appendFileSync(report, `${JSON.stringify({ name, held })}\n`);
}
// A failing command fails on purpose.
process.exitCode = 0;
