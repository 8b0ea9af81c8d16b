import { dirname, join, normalize, sep } from 'node:path';
import { parseSource, type Source } from './sources.ts';

/** One file of the project imports another. Both are paths in the form of `Source.path`. */
export interface Arrow {
  readonly from: string;
  readonly to: string;
}

/**
 * Lists every module that a file names: imports, type-only ones included, re-exports, `import()`, and modules of Node
 * that it loads with `process.getBuiltinModule`.
 */
export function importedModules(source: Source): string[] {
  const { module } = parseSource(source);
  const named = [
    ...module.staticImports.map((statement) => statement.moduleRequest.value),
    ...module.staticExports.flatMap((statement) =>
      statement.entries.flatMap((entry) => entry.moduleRequest?.value ?? []),
    ),
  ];
  const dynamic = module.dynamicImports.map(({ moduleRequest: { start, end } }) => {
    const literal = /^(['"`])([^'"`$]+)\1$/.exec(source.text.slice(start, end));
    if (literal?.[2] === undefined) throw new Error(`${source.path}: import() takes a plain string only`);
    return literal[2];
  });
  const late = Array.from(source.text.matchAll(/\bgetBuiltinModule\('([^']+)'\)/g), ([, name = '']) => name);
  return [...new Set([...named, ...dynamic, ...late])];
}

/** The file that a relative module name means, in the form of `Source.path`. */
export function fileOf(from: string, module: string): string {
  return normalize(join(dirname(from), module))
    .split(sep)
    .join('/');
}

/**
 * Lists the imports between files of the project. `filesOf` names the files behind a conditional import (`#name`), in the
 * form of `Source.path`.
 */
export function arrowsOf(
  sources: readonly Source[],
  filesOf: (module: string) => readonly string[] = () => [],
): Arrow[] {
  return sources.flatMap((source) =>
    importedModules(source)
      .flatMap((module) => (module.startsWith('.') ? [fileOf(source.path, module)] : filesOf(module)))
      .map((to) => ({ from: source.path, to })),
  );
}

/** Returns a file and all files that it imports, directly or through others. */
export function reachableFrom(start: string, arrows: readonly Arrow[]): ReadonlySet<string> {
  const reached = new Set([start]);
  // A set takes new entries while it is walked.
  for (const file of reached) for (const { from, to } of arrows) if (from === file) reached.add(to);
  return reached;
}

/** Lists the names that a file uses as variables: no properties, and no words in comments and texts. */
export function identifiersIn(source: Source): string[] {
  const found = new Set<string>();
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    const { type, name, computed }: { type?: unknown; name?: unknown; computed?: unknown } = node;
    if (type === 'Identifier' && typeof name === 'string') found.add(name);
    for (const [member, value] of Object.entries(node)) {
      const isName = (member === 'property' || member === 'key') && computed !== true;
      if (!isName) walk(value);
    }
  };
  walk(parseSource(source).program);
  return [...found];
}

/** Lists the cycles that a depth-first walk meets, each once. */
export function cycles(edges: readonly Arrow[]): string[][] {
  const next = new Map<string, string[]>();
  for (const { from, to } of edges) next.set(from, [...(next.get(from) ?? []), to]);
  const found: string[][] = [];
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): void => {
    const at = path.indexOf(file);
    if (at !== -1) {
      found.push([...path.slice(at), file]);
      return;
    }
    if (done.has(file)) return;
    for (const to of next.get(file) ?? []) walk(to, [...path, file]);
    done.add(file);
  };
  for (const file of next.keys()) walk(file, []);
  return found;
}
