import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseSync } from 'oxc-parser';
import { projectRoot } from '../../scripts/project.ts';

/** A regular expression of the source, and its place. */
export interface Pattern {
  readonly where: string;
  readonly source: string;
  readonly flags: string;
}

export interface Patterns {
  readonly literals: readonly Pattern[];
  /** The places that make a pattern at run time. */
  readonly made: readonly string[];
  /** The names of exported functions that begin with `parse`. */
  readonly parsers: readonly string[];
}

/** Returns all regular expressions of `src/` without its tests. */
export function patternsOfSource(): Patterns {
  const source = join(projectRoot(), 'src');
  const literals: Pattern[] = [];
  const made: string[] = [];
  const parsers: string[] = [];
  const files = readdirSync(source, { recursive: true, encoding: 'utf8' }).filter(
    (name) => name.endsWith('.ts') && !/\.test\.(support\.)?ts$/.test(name),
  );
  for (const name of files) {
    const path = join(source, name);
    const text = readFileSync(path, 'utf8');
    const where = relative(projectRoot(), path);
    walk(parseSync(path, text).program, (node) => {
      const { type, regex, callee, start, declaration } = node;
      if (type === 'Literal' && isRecord(regex)) {
        const line = text.slice(0, Number(start)).split('\n').length;
        literals.push({
          where: `${where}:${line}`,
          source: String(regex['pattern']),
          flags: String(regex['flags']),
        });
      }
      if ((type === 'NewExpression' || type === 'CallExpression') && nameOf(callee) === 'RegExp') {
        made.push(where);
      }
      if (type === 'ExportNamedDeclaration' && isRecord(declaration)) {
        const exported = nameOf(declaration['id']);
        if (declaration['type'] === 'FunctionDeclaration' && /^parse[A-Z]/.test(exported))
          parsers.push(exported);
      }
    });
  }
  return { literals, made, parsers };
}

function nameOf(node: unknown): string {
  return isRecord(node) && node['type'] === 'Identifier' ? String(node['name']) : '';
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null;
}

function walk(node: unknown, visit: (node: Record<string, unknown>) => void): void {
  if (Array.isArray(node)) {
    for (const child of node) walk(child, visit);
    return;
  }
  if (!isRecord(node)) return;
  if (typeof node['type'] === 'string') visit(node);
  for (const child of Object.values(node)) if (typeof child === 'object') walk(child, visit);
}

const escapes: Readonly<Record<string, string>> = {
  d: '0',
  w: 'a',
  s: ' ',
  D: 'a',
  W: '-',
  S: 'a',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** Returns the characters and words of a pattern, also those that it excludes, and some others. */
export function piecesOf(source: string): { readonly pieces: readonly string[]; readonly start: string } {
  const words = source.match(/[A-Za-z0-9:/@-]{2,}/g) ?? [];
  const escaped = [...source.matchAll(/\\([^ux])/g)].map(([, sign = '']) => escapes[sign] ?? sign);
  const plain = source.replace(/\\./g, '').match(/[^\s()[\]{}?*+|^$]/g) ?? [];
  const signs = [...new Set([...escaped, ...plain, 'a', '0', ' ', '/', '-'])].slice(0, 16);
  const pairs = signs.slice(0, 7).flatMap((a) => signs.slice(0, 7).map((b) => a + b));
  const start = /^\^?([A-Za-z0-9:/@-]+)/.exec(source.replaceAll('\\/', '/').replaceAll('\\b', ''))?.[1] ?? '';
  return { pieces: [...new Set([...signs, ...words.slice(0, 6), ...pairs])], start };
}
