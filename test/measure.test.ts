import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { measureApi } from '../scripts/measures/api.ts';
import { functionsOf } from '../scripts/measures/functions.ts';
import { houseMeasures, missed } from '../scripts/measures/house.ts';
import { folders, isTest, readSources } from '../scripts/measures/sources.ts';
import { conditionalSpreads, undefinedOverSpreads } from '../scripts/measures/spreads.ts';
import { projectRoot } from '../scripts/project.ts';
import { folder } from './folder.ts';

describe('the measures of the house', () => {
  it('the project misses none of them', () => {
    const lines = missed(houseMeasures(projectRoot())).map(
      ({ name, figure, goal, places = [] }) => `${name}: ${figure}, not ${goal}: ${places.join(', ')}`,
    );
    assert.deepEqual(lines, []);
  });

  it('npm run measure fails when a goal is missed, and names the place, but not for an aim', async (test) => {
    const root = await folder(test);
    const long = `export function tall(): void {\n${'  void 0;\n'.repeat(58)}}\n`;
    const files = {
      'package.json': '{"name":"sample","exports":{".":{"types":"./dist/src/index.d.ts"}}}',
      'README.md': '# Sample\n',
      'dist/src/index.d.ts': '/** Tall. */\nexport declare function tall(): void;\n',
      'src/index.ts': long,
      ...Object.fromEntries(folders.map((name) => [`${name}/empty.ts`, '// Nothing.\n'])),
    };
    for (const [path, text] of Object.entries(files)) {
      await mkdir(dirname(join(root, path)), { recursive: true });
      await writeFile(join(root, path), text);
    }
    const script = fileURLToPath(new URL('../scripts/measure.js', import.meta.url));
    const measure = (): readonly [status: number | null, out: string] => {
      const { status, stdout } = spawnSync(process.execPath, [script, root], { encoding: 'utf8' });
      return [status, stdout];
    };
    const [met, aims] = measure();
    assert.equal(met, 0);
    assert.match(aims, /^… tests : source, lines/m);
    await writeFile(join(root, 'src/index.ts'), long.replace('  void 0;\n', '  void 0;\n  void 0;\n'));
    const [failed, out] = measure();
    assert.equal(failed, 1);
    assert.match(out, /^✘ longest function.* 61 +≤ 60$/m);
    assert.match(out, /^ {2}src\/index\.ts tall 61$/m);
  });

  it('the longest function comes first, under the name that it is assigned to, with its closures', () => {
    const text = [
      'const outer = () => {',
      '  return function inner() {',
      '    return 1;',
      '  };',
      '};',
      'class Place {',
      '  open() {',
      '    return outer;',
      '  }',
      '}',
    ].join('\n');
    assert.deepEqual(functionsOf([{ path: 'a.ts', text }]), [
      { path: 'a.ts', name: 'outer', lines: 5 },
      { path: 'a.ts', name: 'inner', lines: 3 },
      { path: 'a.ts', name: 'open', lines: 3 },
    ]);
  });

  it('a public name without a doc comment and a type that no entry point exports are found behind re-exports', () => {
    const files: Readonly<Record<string, string>> = {
      'src/index.d.ts':
        "export { open } from './place.js';\nexport * from './errors.js';\nexport type { Kept } from './kept.js';\n",
      'src/place.d.ts': [
        "import type { Hidden } from './hidden.js';",
        "import type { Kept as Known } from './kept.js';",
        'interface Local { readonly hidden: Promise<Hidden>; }',
        'export declare function open(options?: Local): Known;',
      ].join('\n'),
      'src/errors.d.ts': [
        '/** An error. */',
        'export declare class Problem {',
        '    #private;',
        '    private readonly secret;',
        '    /** Its code. */',
        '    readonly code: string;',
        '    toJSON(): string;',
        '}',
      ].join('\n'),
      'src/hidden.d.ts': 'export type Hidden = { readonly next?: Hidden };\nexport interface Unused {}\n',
      'src/kept.d.ts':
        "/** Kept. */\nexport type Kept = { readonly kind: 'kept' } | { readonly size: number };\n",
    };
    assert.deepEqual(
      measureApi(['src/index.d.ts'], (path) => files[path] ?? assert.fail(path)),
      {
        symbols: ['errors.d.ts: Problem', 'kept.d.ts: Kept', 'place.d.ts: open'],
        undocumented: ['place.d.ts: open'],
        members: ['errors.d.ts: Problem.code', 'errors.d.ts: Problem.toJSON', 'kept.d.ts: Kept.size'],
        undocumentedMembers: ['errors.d.ts: Problem.toJSON', 'kept.d.ts: Kept.size'],
        unexported: ['hidden.d.ts: Hidden', 'place.d.ts: Local'],
      },
    );
  });
});

it('a spread counts as conditional with an empty object or an object behind &&, and a list does not', () => {
  const text = [
    'const a = { ...(x === undefined ? {} : { x }) };',
    'const b = { ...(x && { x }), ...rest };',
    'const c = [...(x === undefined ? [] : [x])];',
    'const d = { ...(x ? one : other) };',
  ].join('\n');
  assert.deepEqual(conditionalSpreads([{ path: 'a.ts', text }]), ['a.ts:1', 'a.ts:2']);
});

it('a value that may be undefined behind a spread is found, and so are options spread over defaults', () => {
  const text = [
    'const a = { ...app, writes: cache ? false : undefined };',
    'const b = { writes: cache ? false : undefined, ...app };',
    'const c = { ...defaultLimits, ...options.limits };',
    'const d = { ...defaultLimits, ...given(options.limits) };',
    'const e = { ...app, writes: cache ? false : app.writes, ...options };',
  ].join('\n');
  assert.deepEqual(undefinedOverSpreads([{ path: 'a.ts', text }]), ['a.ts:1', 'a.ts:3']);
});

it('undefined replaces no value of a spread in any source file', () => {
  const sources = readSources(projectRoot(), 'src').filter((source) => !isTest(source));
  assert.deepEqual(undefinedOverSpreads(sources), []);
});
