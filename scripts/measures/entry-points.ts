import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** Maps each entry point of the package, such as `gantry/server`, to its declarations below `dist`. */
export function entryPoints(root: string): ReadonlyMap<string, string> {
  const text = readFileSync(join(root, 'package.json'), 'utf8');
  const { name, exports }: Manifest = JSON.parse(text);
  return new Map(
    Object.entries(exports).flatMap(([path, target]) =>
      typeof target === 'string'
        ? []
        : [[join(name, path).replaceAll('\\', '/'), target.types.replace('./dist/', '')] as const],
    ),
  );
}

interface Manifest {
  readonly name: string;
  readonly exports: Readonly<Record<string, string | { readonly types: string }>>;
}
