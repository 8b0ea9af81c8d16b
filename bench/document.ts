import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { projectRoot } from '../scripts/project.ts';

const end = '<!-- end -->';

/** Replaces the text between `<!-- NAME -->` and the next end in docs/benchmarks.md. */
export async function writeBlock(name: string, text: string | ((before: string) => string)): Promise<void> {
  const file = join(projectRoot(), 'docs', 'benchmarks.md');
  const document = await readFile(file, 'utf8');
  const mark = `<!-- ${name} -->\n`;
  const from = document.indexOf(mark) + mark.length;
  const to = document.indexOf(end, from);
  if (from < mark.length || to === -1) throw new Error(`docs/benchmarks.md has no place for ${name}`);
  const next = typeof text === 'string' ? text : text(document.slice(from, to));
  await writeFile(file, `${document.slice(0, from)}${next.trim()}\n${document.slice(to)}`);
}
