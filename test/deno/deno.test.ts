import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isInPath, run } from '../../bench/support/programs.ts';

/** Runs the program of `pushes.ts` on both runtimes, since Deno handles connections differently from Node. */
const program = fileURLToPath(new URL('pushes.js', import.meta.url));

const runtimes = [
  { name: 'Node', command: process.execPath, flags: [], skip: false },
  {
    name: 'Deno',
    command: 'deno',
    flags: ['run', '--allow-all', '--no-remote', '--no-lock'],
    skip: isInPath('deno') ? false : 'deno is not in PATH',
  },
];

describe('pushes over connections that the far side ends', () => {
  for (const { name, command, flags, skip } of runtimes) {
    it(`deno-hang: come through on ${name}`, { skip, timeout: 180_000 }, async () => {
      const { code, stderr } = await run(command, [...flags, program]);
      assert.equal(code, 0, stderr);
    });
  }
});
