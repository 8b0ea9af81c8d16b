import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { projectRoot } from '../scripts/project.ts';
import { gantryProgram, ownProgram } from './programs.ts';
import { gantry, type Tool } from './tools.ts';

interface Runtime {
  /** The major version of Node, such as `20` or `22`. */
  readonly line: string;
  readonly program: string;
}

/** Returns the Node that runs this, and those that `npm run test:runtimes` has installed. */
function runtimesHere(): readonly Runtime[] {
  const own = { line: process.versions.node.split('.')[0] ?? '', program: process.execPath };
  const others = ['20', '22', '24', '26']
    .filter((line) => line !== own.line)
    .map((line) => ({
      line,
      program: join(projectRoot(), '.runtimes', 'node_modules', `node${line}`, 'bin', 'node'),
    }))
    .filter(({ program }) => existsSync(program));
  return [own, ...others];
}

/**
 * Returns gantry on each runtime, beside an empty program and a script that only sends the same requests with
 * `node:http`. From Node 22 on, gantry is compared with the script if one exists.
 */
export function runtimeTools(verb: 'version' | 'digest'): readonly Tool[] {
  return runtimesHere().flatMap(({ line, program }): readonly Tool[] => {
    const [empty, script] = [`empty program, Node ${line}`, `bare script, Node ${line}`];
    const start = [program, ownProgram('empty')];
    const toScript = verb === 'digest' && line !== '20';
    return [
      {
        ...gantry,
        name: `gantry, Node ${line}`,
        program: [program, gantryProgram()],
        start,
        beside: toScript ? script : empty,
      },
      { name: empty, program: start, verbs: { [verb]: () => [] }, start, idle: true, beside: empty },
      {
        name: script,
        program: [program, ownProgram('bare-digest')],
        verbs: { digest: ({ from }) => [from] },
        start,
        beside: script,
      },
    ];
  });
}
