import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isIgnored, parseIgnore } from './ignore.ts';

/** Patterns, with paths that they leave out and paths that they do not. */
const cases: readonly (readonly [patterns: string, out: readonly string[], kept: readonly string[]])[] = [
  ['node_modules', ['node_modules', 'node_modules/a/b'], ['packages/a/node_modules', 'node_modules2']],
  ['**/node_modules', ['node_modules', 'a/b/node_modules/c'], ['my_node_modules']],
  ['*.md', ['README.md'], ['docs/README.md', 'README.mdx']],
  ['**/*.md', ['README.md', 'docs/a/README.md'], ['README.mdx']],
  ['docs/*.md', ['docs/a.md'], ['docs/a/b.md', 'a.md']],
  ['docs/**', ['docs/a', 'docs/a/b'], ['docs', 'docs2/a']],
  ['docs/**/old', ['docs/old', 'docs/a/b/old/c'], ['docs/older']],
  ['**', ['a', 'a/b'], []],
  ['**.js', ['a.js', 'b/a.js'], ['a.jsx']],
  ['a?c', ['abc'], ['ac', 'a/c']],
  ['a[b-d]e', ['abe', 'ade/f'], ['aee']],
  ['a[^b-d]e', ['aee'], ['abe']],
  ['a\\*b', ['a*b'], ['axb']],
  ['/dist/', ['dist', 'dist/a'], ['a/dist']],
  ['./a/../b', ['b', 'b/c'], ['a']],
  ['a.b+(c)|d{2}$', ['a.b+(c)|d{2}$'], ['aXb+(c)|d{2}$']],
  ['*\n!README.md', ['a', 'docs/a'], ['README.md']],
  ['docs\n!docs/a/keep\ndocs/a/keep/not', ['docs/b', 'docs/a/keep/not'], ['docs/a/keep', 'docs/a/keep/x']],
  ['!a\na', ['a'], []],
  ['a\n!a', [], ['a', 'a/b']],
  ['# a\n\n  b  \n', ['b'], ['a', '# a']],
  ['\ufeffa', ['a'], []],
  ['a\r\nb\r\n', ['a', 'b'], []],
  ['! a\n*', ['a', 'b'], []],
  ['.\n/', [], ['a']],
  ['a b', ['a b'], ['a']],
  ['[a-]x', ['ax', '-x'], ['bx']],
];

describe('the patterns of an ignore file', () => {
  for (const [patterns, out, kept] of cases) {
    it(`${JSON.stringify(patterns)} leaves out the paths that docker leaves out`, () => {
      const rules = parseIgnore(patterns, '.dockerignore');
      assert.deepEqual(
        [...out, ...kept].filter((path) => isIgnored(rules, path)),
        out,
      );
    });
  }

  for (const pattern of ['!', '[a', 'a\\', '[]a', '[z-a]']) {
    it(`"${pattern}" is refused`, () => {
      assert.throws(() => parseIgnore(`a\n${pattern}`, '.dockerignore'), { code: 'INVALID_OPTION' });
    });
  }
});
