import { execFile } from 'node:child_process';
import { mkdir, readFile, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { TestContext } from 'node:test';
import { promisify } from 'node:util';
import { projectRoot } from '../../scripts/project.ts';
import { folder } from '../folder.ts';
import type { Block } from './pages.ts';

export interface Compiled {
  /** The complaints of the compiler. Empty when every block passes. */
  readonly errors: string;
  /** The JavaScript of each TypeScript block, by `where`. */
  readonly code: ReadonlyMap<string, string>;
}

/** Compiles blocks of JavaScript and TypeScript as a strict project that has installed the package would. */
export async function compile(test: TestContext, blocks: readonly Block[]): Promise<Compiled> {
  const root = projectRoot();
  const home = await folder(test);
  await mkdir(join(home, 'node_modules'));
  await symlink(root, join(home, 'node_modules', 'gantry'), 'junction');
  await symlink(join(root, 'node_modules', '@types'), join(home, 'node_modules', '@types'), 'junction');
  const named = blocks.map((block) => ({ ...block, name: block.where.replace(/[^\w]+/g, '-') }));
  await Promise.all(named.map(({ name, code }) => writeFile(join(home, `${name}.mts`), code)));
  await writeFile(join(home, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const errors = await promisify(execFile)(process.execPath, [compiler, '-p', home]).then(
    () => '',
    (error: unknown) => (error instanceof Error && 'stdout' in error ? String(error.stdout) : String(error)),
  );
  const code = new Map<string, string>();
  for (const { where, name, language } of named) {
    if (language === 'ts') code.set(where, await readFile(join(home, 'out', `${name}.mjs`), 'utf8'));
  }
  return { errors, code };
}

const compilerOptions = {
  target: 'es2022',
  lib: ['es2023', 'esnext.disposable'],
  module: 'nodenext',
  types: ['node'],
  outDir: 'out',
  rootDir: '.',
  strict: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
};
