import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { encodeText } from '../tar/text.ts';
import { PathTable, rootPath } from './path-table.ts';

/** Names in one and in more bytes, and one with a byte that is no UTF-8. */
const name = fc.constantFrom('a', 'b', 'aa', 'é', '日本', 'x\udcff', 'x'.repeat(300));
const path = fc.array(name, { minLength: 1, maxLength: 4 }).map((names) => names.join('/'));
const paths = fc.array(path, { maxLength: 40 });

describe('PathTable', () => {
  it('a path has one number, from which its text follows', () =>
    fc.assert(
      fc.property(paths, (texts) => {
        const table = new PathTable();
        const numbers = texts.map((text) => table.enterText(text));
        assert.deepEqual(
          numbers.map((number) => table.textOf(number)),
          texts,
        );
        assert.deepEqual(
          texts.map((text) => table.findText(text)),
          numbers,
        );
        assert.equal(new Set(numbers).size, new Set(texts).size);
      }),
    ));

  it('a parent has a smaller number than its children, and all of them', () =>
    fc.assert(
      fc.property(paths, (texts) => {
        const table = new PathTable();
        for (const text of texts) table.enterText(text);
        const seen = new Set<number>([rootPath]);
        for (let at = rootPath; at < table.size; at++)
          for (const child of table.childrenOf(at)) {
            assert.ok(child > at);
            assert.equal(table.parentOf(child), at);
            seen.add(child);
          }
        assert.equal(seen.size, table.size);
      }),
    ));

  it('names are compared by their bytes', () =>
    fc.assert(
      fc.property(name, name, (one, other) => {
        const table = new PathTable();
        const [a, b] = [table.enterText(one), table.enterText(`d/${other}`)];
        const expected = Buffer.compare(encodeText(one), encodeText(other));
        assert.equal(Math.sign(table.compareNames(a, b)), expected);
      }),
    ));

  it('a path that was not entered is not found, in a table of any size', () => {
    const table = new PathTable();
    for (let at = 0; at < 20_000; at++) {
      assert.equal(table.findText(`d${at % 100}/f${at}`), undefined);
      table.enterText(`d${at % 100}/f${at}`);
    }
    assert.equal(table.size, 20_101);
    assert.equal(table.findText('d7/f8'), undefined);
  });

  it('the root is a dot, and dots and empty names lead nowhere', () => {
    const table = new PathTable();
    assert.deepEqual([table.textOf(rootPath), table.findText('.'), table.enterText('.')], ['.', 0, 0]);
    assert.equal(table.findText('./a//b'), undefined);
    assert.equal(table.enterText('a/b'), table.findText('./a//b'));
  });
});
