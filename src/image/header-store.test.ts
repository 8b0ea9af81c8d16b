import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import type { TarEntry, TarType } from '../tar/entry.ts';
import { createHeaderStore } from './header-store.ts';

const count = fc.oneof(fc.nat({ max: 200 }), fc.maxSafeNat());
const text = fc.constantFrom('', 'root', 'é', 'a\udcff', 'x'.repeat(5000));
const bytes = fc.uint8Array({ maxLength: 200 });
const types: readonly TarType[] = ['file', 'link', 'symlink', 'character-device', 'directory', 'fifo'];

const entry: fc.Arbitrary<TarEntry> = fc
  .record({
    type: fc.constantFrom(...types),
    stored: count,
    mode: fc.nat({ max: 0o7777 }),
    mtime: fc.maxSafeInteger(),
    nanoseconds: fc.constantFrom(0, 1, 999_999_999),
    uid: count,
    gid: count,
    uname: text,
    gname: text,
    target: text,
    offset: count,
    xattrs: fc.option(fc.dictionary(text, bytes, { minKeys: 1 }), { nil: undefined }),
    windows: fc.option(fc.dictionary(text, text, { minKeys: 1 }), { nil: undefined }),
    sparse: fc.option(
      fc.array(fc.record({ at: count, length: count }, { noNullPrototype: true }), { maxLength: 5 }),
      {
        nil: undefined,
      },
    ),
    numbers: fc.record({ major: count, minor: count }, { noNullPrototype: true }),
  })
  .map(({ target, sparse, numbers, xattrs, windows, ...rest }) => ({
    ...rest,
    name: 'unused',
    size: rest.stored,
    device: rest.type === 'character-device' ? numbers : undefined,
    xattrs: xattrs && new Map(Object.entries(xattrs)),
    windows: windows && new Map(Object.entries(windows)),
    ...(rest.type === 'symlink' || rest.type === 'link' ? { linkname: target } : {}),
    ...(sparse === undefined ? {} : { size: 7, sparse: { size: 7, pieces: sparse } }),
  }));

describe('createHeaderStore', () => {
  it('a header is read as it was added, with any values', () =>
    fc.assert(
      fc.property(fc.array(entry, { maxLength: 10 }), (entries) => {
        const store = createHeaderStore();
        for (const [at, one] of entries.entries()) store.add(one, at * 3);
        assert.equal(store.size, entries.length);
        for (const [at, { name: _, ...rest }] of entries.entries()) {
          assert.deepEqual(store.get(at), { ...rest, position: at * 3 });
          assert.equal(store.typeOf(at), rest.type);
        }
      }),
    ));

  it('ten thousand owners keep their names', () => {
    const store = createHeaderStore();
    const header = { name: '', type: 'file', size: 0, stored: 0, mode: 0, mtime: 0, offset: 0 } as const;
    for (let at = 0; at < 10_000; at++)
      store.add({ ...header, nanoseconds: 0, uid: at, gid: 0, uname: `user-${at}`, gname: 'all' }, at);
    for (const at of [0, 4095, 4096, 9999]) assert.equal(store.get(at).uname, `user-${at}`);
    assert.equal(store.get(9999).gname, 'all');
  });
});
