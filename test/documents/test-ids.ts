import { readSources } from '../../scripts/measures/sources.ts';
import { projectRoot } from '../../scripts/project.ts';

/** A test that documents name by an id, which a change of its title does not touch. */
export interface NamedTest {
  readonly id: string;
  /** Path of the test file from the root of the project. */
  readonly file: string;
  /** Whether the title begins with the id. Several tests may begin with one. */
  readonly isInTitle: boolean;
  /** The code below a comment with the id; the title itself if it begins with the id. */
  readonly title: string;
}

/** Finds the ids in the text of a test file: `// id: ID` above a title, or a title that begins with `ID: ` or `T54, row 1: `. */
export function idsIn(file: string, text: string): NamedTest[] {
  const lines = text.split('\n');
  const found = lines.flatMap((line, at) => {
    const id = /^\s*\/\/ id: (\S+)$/.exec(line)?.[1];
    const title = lines.slice(at + 1).find((next) => !/^\s*\/\/ /.test(next)) ?? '';
    return id === undefined ? [] : [{ id, file, isInTitle: false, title: title.trim() }];
  });
  const titles = [
    ...text.matchAll(/['"`](([a-z0-9]+(?:-[a-z0-9]+)+(?=: )|T\d+(?=(?:, [^:\n]*)?: ))[^\n]*)/g),
  ];
  return [...found, ...titles.map(([, title = '', id = '']) => ({ id, file, isInTitle: true, title }))];
}

/** Returns the ids of all test files. A fault has one id in the titles of all its tests. */
export function namedTests(): readonly NamedTest[] {
  return ['src', 'test']
    .flatMap((folder) => readSources(projectRoot(), folder))
    .filter(({ path }) => path.endsWith('.test.ts'))
    .flatMap(({ path, text }) => idsIn(path, text));
}

/** Returns the ids in a cell of a document, such as `` `quay-robot`, `gitea-empty-session`, `T13` ``. */
export function idsOfCell(cell: string): readonly string[] {
  return [...cell.matchAll(/`([a-z0-9]+(?:-[a-z0-9]+)+|T\d+)`/g)].map(([, id = '']) => id);
}
