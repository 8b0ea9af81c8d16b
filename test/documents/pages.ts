import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../scripts/project.ts';

const root = projectRoot();

/**
 * The paths of all documents from the root of the project, with forward slashes. A new document is included without a
 * change here.
 */
export const documents: readonly string[] = [
  ...pagesIn('.').filter((name) => !name.includes('/')),
  ...pagesIn('docs', { recursive: true }),
];

function pagesIn(folder: string, options: { readonly recursive?: boolean } = {}): string[] {
  return readdirSync(join(root, folder), options)
    .map((name) => `${folder === '.' ? '' : `${folder}/`}${String(name).replaceAll('\\', '/')}`)
    .filter((name) => name.endsWith('.md') && !name.startsWith('docs/api/'))
    .sort();
}

export function readText(name: string): string {
  return readFileSync(join(root, name), 'utf8');
}

/** One fenced block of code in a document. */
export interface Block {
  /** `docs/library.md:12`: the document and the line of the opening fence. */
  readonly where: string;
  /** The first word after the fence: `sh`, `ts`. Empty if the fence names no language. */
  readonly language: string;
  /** The second word after the fence: the file that the block shows, such as `rules.yaml`. */
  readonly file: string | undefined;
  readonly code: string;
}

/** Returns every fenced block of a document in order. Throws when a fence has no end. */
export function blocksOf(name: string, text: string = readText(name)): readonly Block[] {
  const blocks: Block[] = [];
  let open: { readonly fence: string; readonly info: string; readonly at: number } | undefined;
  let code: string[] = [];
  for (const [at, line] of text.split('\n').entries()) {
    const [, indent = '', fence = '', info = ''] = /^( *)(`{3,}|~{3,})\s*(.*?)\s*$/.exec(line) ?? [];
    if (open === undefined) {
      if (fence === '') continue;
      if (indent !== '') throw new Error(`${name}:${at + 1}: a block of code is indented`);
      open = { fence, info, at };
      code = [];
    } else if (fence.startsWith(open.fence) && info === '') {
      const [language = '', file] = open.info.split(/\s+/);
      blocks.push({ where: `${name}:${open.at + 1}`, language, file, code: `${code.join('\n')}\n` });
      open = undefined;
    } else {
      code.push(line);
    }
  }
  if (open !== undefined) throw new Error(`${name}:${open.at + 1}: a block of code has no end`);
  return blocks;
}
