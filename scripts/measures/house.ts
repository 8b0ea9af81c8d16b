import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { measureApi } from './api.ts';
import { commentLimit, commentShares, shareOf } from './comments.ts';
import { entryPoints } from './entry-points.ts';
import { functionsOf } from './functions.ts';
import { arrowsOf, cycles } from './imports.ts';
import { folders, isTest, linesOf, readSources, type Source } from './sources.ts';
import { conditionalSpreads } from './spreads.ts';

/** Functions that are only lists of verbs, each delegated. They may be longer than the goal. */
const verbLists = ['createClient'];

/** A figure of the project beside its goal. */
export interface Measure {
  readonly name: string;
  readonly figure: string;
  readonly goal: string;
  readonly met: boolean;
  /** The project is on the way to the goal, so missing it is no failure. */
  readonly isAim?: true;
  /** The places to look at when the goal is missed. */
  readonly places?: readonly string[];
}

/** The files that are measured. */
interface Files {
  /** In all folders. */
  readonly all: readonly Source[];
  /** In `src/`, without the tests. */
  readonly source: readonly Source[];
}

/** Measures the project in `root`: its sources, and its public interface by the newest declarations of the compiler. */
export function houseMeasures(root: string): readonly Measure[] {
  const all = folders.flatMap((folder) => readSources(root, folder));
  const source = all.filter((file) => file.path.startsWith('src/') && !isTest(file));
  return [
    ...sizes(source),
    spreads(source),
    ...publicInterface(root),
    ...language({ all, source }),
    ...documents(root),
    tests({ all, source }),
  ];
}

/** Returns the measures with a missed goal, without the aims. */
export function missed(measures: readonly Measure[]): readonly Measure[] {
  return measures.filter(({ met, isAim = false }) => !met && !isAim);
}

function sizes(source: readonly Source[]): Measure[] {
  const goals = { median: 70, largest: 300, longest: 60 };
  const byLines = source.map((file) => ({ ...file, lines: linesOf(file) })).sort((a, b) => b.lines - a.lines);
  const median = byLines[byLines.length >> 1]?.lines ?? 0;
  const largest = byLines[0]?.lines ?? 0;
  const functions = functionsOf(source).filter(({ name }) => !verbLists.includes(name));
  const longest = functions[0]?.lines ?? 0;
  const circles = cycles(arrowsOf(source));
  return [
    // Each new file moves it, so no single change answers for it.
    { ...atMost('median source file, lines', median, goals.median), isAim: true },
    {
      ...atMost('largest source file, lines', largest, goals.largest),
      places: byLines
        .filter(({ lines }) => lines > goals.largest)
        .map(({ path, lines }) => `${path} ${lines}`),
    },
    {
      ...atMost(`longest function, lines (not ${verbLists.join(', ')})`, longest, goals.longest),
      places: functions
        .filter(({ lines }) => lines > goals.longest)
        .map(({ path, name, lines }) => `${path} ${name} ${lines}`),
    },
    { ...atMost('import cycles', circles.length, 0), places: circles.map((circle) => circle.join(' → ')) },
  ];
}

/** Options accept `undefined`. Only data leaves members out: JSON, headers, results. */
function spreads(source: readonly Source[]): Measure {
  const places = conditionalSpreads(source);
  return { ...atMost('conditional spreads, all of data', places.length, 115), places };
}

function publicInterface(root: string): Measure[] {
  const api = measureApi([...entryPoints(root).values()], (path) =>
    readFileSync(join(root, 'dist', path), 'utf8'),
  );
  return [
    { ...documented('public symbols documented', api.symbols, api.undocumented) },
    { ...documented('their members documented', api.members, api.undocumentedMembers) },
    {
      ...atMost('public types that no entry point exports', api.unexported.length, 0),
      places: api.unexported,
    },
  ];
}

function documented(name: string, every: readonly string[], missing: readonly string[]): Measure {
  const figure = `${percent(1 - missing.length / every.length)} of ${every.length}`;
  return { name, figure, goal: '100 %', met: missing.length === 0, places: missing };
}

function language({ all, source }: Files): Measure[] {
  const rooms = commentShares(all.filter(({ path }) => path.startsWith('src/')));
  const code = commentShares(source);
  const sum = {
    lines: code.reduce((lines, room) => lines + room.lines, 0),
    found: code.flatMap(({ found }) => found),
  };
  const goal = `≤ ${percent(commentLimit)}`;
  return [
    {
      name: 'comment lines with who, what, …',
      figure: `${percent(shareOf(sum))} of ${sum.lines}`,
      goal,
      met: shareOf(sum) <= commentLimit,
    },
    ...rooms.map((room) => ({
      name: `  ${room.room} with its tests`,
      figure: `${percent(shareOf(room))} of ${room.lines}`,
      goal,
      met: shareOf(room) <= commentLimit,
    })),
  ];
}

function documents(root: string): Measure[] {
  const readme: Source = { path: 'README.md', text: readFileSync(join(root, 'README.md'), 'utf8') };
  return [atMost('README.md, lines', linesOf(readme), 150)];
}

function tests({ all, source }: Files): Measure {
  const [tested, code] = [totalLines(all.filter(isTest)), totalLines(source)];
  return {
    name: 'tests : source, lines',
    figure: `${(tested / code).toFixed(2)} (${tested} : ${code})`,
    goal: '≥ 1.5',
    met: tested / code >= 1.5,
    isAim: true,
  };
}

function totalLines(files: readonly Source[]): number {
  return files.reduce((sum, file) => sum + linesOf(file), 0);
}

function atMost(name: string, figure: number, goal: number): Measure {
  return { name, figure: String(figure), goal: goal === 0 ? '0' : `≤ ${goal}`, met: figure <= goal };
}

function percent(share: number): string {
  return `${Number((100 * share).toFixed(1))} %`;
}
