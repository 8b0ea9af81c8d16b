import { readSources } from '../../scripts/measures/sources.ts';
import { projectRoot } from '../../scripts/project.ts';
import { type Block, blocksOf } from './pages.ts';

/** Returns the blocks of code in the doc comments below `src`, each with the line of its fence in the file. */
export function exampleBlocks(): readonly Block[] {
  return readSources(projectRoot(), 'src').flatMap(({ path, text }) => blocksIn(path, text));
}

/** Returns the blocks of code in the doc comments of one file. */
export function blocksIn(path: string, text: string): readonly Block[] {
  // Other lines become empty, so that each line keeps its number.
  const comments = text
    .split('\n')
    .map((line) => /^\s*\* ?(.*)$/.exec(line)?.[1]?.replace(/\*\/$/, '') ?? '')
    .join('\n');
  return comments.includes('```') ? blocksOf(path, comments) : [];
}
