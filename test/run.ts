import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { dirname, join, relative, resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { fileURLToPath } from 'node:url';
import { startSearch } from './leaks/search.ts';
import { watchFiles } from './running.ts';

/**
 * The one way to run tests: an explicit list of compiled files (folders and globs mean different things on Node 20, 22
 * and 24) and a last line `N passed, N failed, N skipped` with every reason for a skip above it. The run searches all
 * its output for the secrets of its tests; each place that shows one is a failed test. It ends a file that does not
 * end, and names the tests in it, and does the same with every program that a file leaves behind.
 *
 * `--unit` runs the tests beside the sources, the architecture, the language and the measures. A further argument is a
 * part of a file's name: only those run. `--file=PATH` runs that file alone, and `--limit=SECONDS` is the time for a
 * file.
 */
const compiled = dirname(dirname(fileURLToPath(import.meta.url)));
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('--'));
const unit = process.argv.includes('--unit');
const flag = (name: string): string | undefined =>
  process.argv.find((argument) => argument.startsWith(`${name}=`))?.slice(name.length + 1);
const only = flag('--file');
const quick = [
  'src',
  ...['architecture', 'language', 'measure'].map((name) => join('test', `${name}.test.js`)),
].map((path) => join(compiled, path));

/** A build leaves the compiled file of a renamed or deleted test behind. */
function hasSource(file: string): boolean {
  return existsSync(join(dirname(compiled), relative(compiled, file).replace(/\.js$/, '.ts')));
}

const own = ['src', 'test']
  .flatMap((folder) => readdirSync(join(compiled, folder), { withFileTypes: true, recursive: true }))
  .filter((entry) => entry.isFile() && entry.name.endsWith('.test.js'))
  .map((entry) => join(entry.parentPath, entry.name))
  .filter(hasSource)
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.slice(compiled.length).includes(part)))
  .filter((file) => !unit || quick.some((part) => file.startsWith(part)))
  .sort();
const files = only === undefined ? own : [resolve(only)];

const counts = { passed: 0, failed: 0, skipped: 0 };
const skips: string[] = [];
const search = startSearch();
/** Milliseconds for a file. The slowest one takes a minute on a quiet machine. */
const limit = Number(flag('--limit') ?? 1200) * 1000;
// Tests wait as much as they work: two for each core take a third less time, and use their share of a busy machine.
const stream = run({ files, concurrency: 2 * Math.max(2, availableParallelism()) });

const culprits = watchFiles(stream, files, limit);

stream.on('test:pass', ({ name, skip, todo, details }) => {
  // A suite counts only when it is skipped, since nothing else reports its tests then.
  if (details.type === 'suite' && skip === undefined) return;
  if (skip === undefined && todo === undefined) counts.passed++;
  else {
    counts.skipped++;
    skips.push(`${name}: ${typeof skip === 'string' ? skip : 'no reason given'}`);
  }
});
stream.on('test:fail', ({ details }) => {
  if (details.type === 'suite') return;
  counts.failed++;
});

stream.pipe(new spec()).pipe(search.report).pipe(process.stdout);
process.on('exit', () => {
  const { leaks, searched } = search.end();
  counts.failed += leaks.length + culprits.length;
  const nothing = counts.passed + counts.failed === 0;
  if (counts.failed > 0 || nothing) process.exitCode = 1;
  if (nothing) process.stdout.write('no test ran\n');
  process.stdout.write(`\nsearched for secrets: ${searched}\n${leaks.map((leak) => `  ${leak}\n`).join('')}`);
  for (const culprit of culprits) process.stdout.write(`\n${culprit}\n`);
  if (skips.length > 0) process.stdout.write(`\nskipped:\n${skips.map((skip) => `  ${skip}\n`).join('')}`);
  process.stdout.write(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped\n`);
});
