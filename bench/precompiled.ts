import { cpSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import process from 'node:process';
import { gantryProgram } from './programs.ts';
import { gantry, type Tool } from './tools.ts';

const fromSource = 'gantry from source';

/** Returns gantry as it is built, beside a copy without bytecode, which V8 compiles from the source. */
export function precompiledTools(): readonly Tool[] {
  const program = gantryProgram();
  const copy = mkdtempSync(join(tmpdir(), 'from-source-'));
  cpSync(dirname(program), copy, { recursive: true });
  const bytecode = readdirSync(copy).filter((file) => file.endsWith('.bin'));
  if (bytecode.length === 0) throw new Error(`there is no bytecode beside ${program}: run npm run build`);
  for (const file of bytecode) rmSync(join(copy, file));
  const source = [process.execPath, join(copy, basename(program))];
  return [
    { ...gantry, name: 'gantry precompiled', beside: fromSource },
    { ...gantry, name: fromSource, program: source, beside: fromSource },
  ];
}
