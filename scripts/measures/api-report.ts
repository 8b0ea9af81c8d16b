import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { publicDeclarations } from './api.ts';
import { entryPoints } from './entry-points.ts';

/**
 * Returns the reports of the public interface by the paths of their files: one for each entry point, with every public name
 * and its signature as the compiler emits it, without comments.
 */
export function apiReports(root: string): ReadonlyMap<string, string> {
  const read = (path: string): string => readFileSync(join(root, 'dist', path), 'utf8');
  return new Map(
    [...entryPoints(root)].map(([entry, file]) => {
      const names = publicDeclarations(file, read).map(({ nodes, textOf }) => nodes.map(textOf).join('\n'));
      const head = `The public names of ${entry}. \`npm run api\` writes this file.`;
      return [`api/${entry.replaceAll('/', '-')}.txt`, `${[head, ...names].join('\n\n')}\n`];
    }),
  );
}
