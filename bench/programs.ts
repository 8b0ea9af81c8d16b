import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { projectRoot } from '../scripts/project.ts';

/** The folder of the compiled files. The bench measures the build in it. */
const compiled = dirname(dirname(fileURLToPath(import.meta.url)));

/** Returns the file that users run as `gantry`, or the file that it is made from, if it was not built. */
export function gantryProgram(): string {
  const { bin }: { readonly bin: { readonly gantry: string } } = JSON.parse(
    readFileSync(join(projectRoot(), 'package.json'), 'utf8'),
  );
  const bundled = join(compiled, relative('dist', bin.gantry));
  return existsSync(bundled) ? bundled : join(compiled, 'src', 'cli', 'main.js');
}

/** Returns the file of a program of the bench itself. */
export function ownProgram(name: string): string {
  return join(compiled, 'bench', `${name}.js`);
}
