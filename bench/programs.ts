import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectRoot } from '../test/project.ts';

/** Where this was compiled to: what stands beside it is measured. */
const compiled = dirname(dirname(fileURLToPath(import.meta.url)));

/** The file that users run as `gantry`; where that was not built, what it is built from. */
export function gantryProgram(): string {
  const { bin }: { readonly bin: { readonly gantry: string } } = JSON.parse(
    readFileSync(join(projectRoot(), 'package.json'), 'utf8'),
  );
  const bundled = join(compiled, relative('dist', bin.gantry));
  return existsSync(bundled) ? bundled : join(compiled, 'src', 'cli', 'main.js');
}

/** A file of the bench itself that is run as a program. */
export function ownProgram(name: string): string {
  return join(compiled, 'bench', `${name}.js`);
}
