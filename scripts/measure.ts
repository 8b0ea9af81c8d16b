import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { measureApi } from './measures/api.ts';
import { commentLimit, commentShares, shareOf } from './measures/comments.ts';
import { entryPoints } from './measures/entry-points.ts';
import { functionsOf } from './measures/functions.ts';
import { arrowsOf, cycles } from './measures/imports.ts';
import { folders, isTest, linesOf, readSources, type Source } from './measures/sources.ts';
import { conditionalSpreads } from './measures/spreads.ts';
import { projectRoot } from './project.ts';

/**
 * Prints the measures of the house: each figure beside its goal, and below them the places that miss a goal. It reads
 * the public interface from the newest declarations of the compiler.
 */

/** Functions that are only lists of verbs, each delegated. They may be longer than the goal. */
const verbLists = ['createClient'];

interface Measure {
  readonly name: string;
  readonly figure: string;
  readonly goal: string;
  readonly met: boolean;
  /** The places to look at when the goal is missed. */
  readonly places?: readonly string[];
}

const root = projectRoot();
const all = folders.flatMap((folder) => readSources(root, folder));
const source = all.filter((file) => file.path.startsWith('src/') && !isTest(file));

print([...sizes(), spreads(), ...publicInterface(), ...language(), ...documents(), tests()]);

function sizes(): Measure[] {
  const goals = { median: 70, largest: 300, longest: 60 };
  const byLines = source.map((file) => ({ ...file, lines: linesOf(file) })).sort((a, b) => b.lines - a.lines);
  const median = byLines[byLines.length >> 1]?.lines ?? 0;
  const largest = byLines[0]?.lines ?? 0;
  const functions = functionsOf(source).filter(({ name }) => !verbLists.includes(name));
  const longest = functions[0]?.lines ?? 0;
  const circles = cycles(arrowsOf(source));
  return [
    atMost('median source file, lines', median, goals.median),
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
function spreads(): Measure {
  const places = conditionalSpreads(source);
  return { ...atMost('conditional spreads, all of data', places.length, 115), places };
}

function publicInterface(): Measure[] {
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

function language(): Measure[] {
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

function documents(): Measure[] {
  const readme: Source = { path: 'README.md', text: readFileSync(join(root, 'README.md'), 'utf8') };
  return [atMost('README.md, lines', linesOf(readme), 150)];
}

function tests(): Measure {
  const [tested, code] = [totalLines(all.filter(isTest)), totalLines(source)];
  return {
    name: 'tests : source, lines',
    figure: `${(tested / code).toFixed(2)} (${tested} : ${code})`,
    goal: '≥ 1.5',
    met: tested / code >= 1.5,
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

function print(measures: readonly Measure[]): void {
  const widest = (of: (measure: Measure) => string): number =>
    Math.max(...measures.map((measure) => of(measure).length));
  const widths = [widest(({ name }) => name), widest(({ figure }) => figure)] as const;
  for (const { name, figure, goal, met } of measures) {
    console.log(`${met ? '✔' : '✘'} ${name.padEnd(widths[0])}  ${figure.padEnd(widths[1])}  ${goal}`);
  }
  for (const { name, places = [], met } of measures) {
    if (met || places.length === 0) continue;
    console.log(`\n${name}:`);
    for (const place of places) console.log(`  ${place}`);
  }
}
