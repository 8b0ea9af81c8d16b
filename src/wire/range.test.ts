import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  formatChunkRange,
  formatContentRange,
  formatRange,
  formatUploadRange,
  parseChunkRange,
  parseContentRange,
  parseRange,
  parseUploadRange,
} from './range.ts';

const bounds = fc
  .tuple(fc.nat({ max: 5000 }), fc.nat({ max: 5000 }))
  .map(([from, length]) => ({ from, to: from + length + 1 }));

describe('parseRange', () => {
  const rows: readonly [name: string, text: string | undefined, expected: unknown][] = [
    ['has a first and a last byte', 'bytes=500-1499', { from: 500, to: 1500 }],
    ['may be open', 'bytes=500-', { from: 500, to: 3000 }],
    ['may be a suffix', 'bytes=-500', { from: 2500, to: 3000 }],
    ['is cut off at the end', 'bytes=2000-5000', { from: 2000, to: 3000 }],
    ['may be a suffix longer than all', 'bytes=-5000', { from: 0, to: 3000 }],
    ['may end beyond any number', 'bytes=0-99999999999999999999', { from: 0, to: 3000 }],
    ['may be one byte', 'bytes=0-0', { from: 0, to: 1 }],
    ['may be in capitals with spaces', 'Bytes = 0 - 1', { from: 0, to: 2 }],
    ['can not begin after the end', 'bytes=5000-10000', 'unsatisfiable'],
    ['can not begin at the end', 'bytes=3000-', 'unsatisfiable'],
    ['can not begin beyond any number', 'bytes=99999999999999999999-', 'unsatisfiable'],
    ['can not run backwards', 'bytes=500-0', 'unsatisfiable'],
    ['can not be a suffix of nothing', 'bytes=-0', 'unsatisfiable'],
    ['is ignored when there are several', 'bytes=0-1,3-4', undefined],
    ['is ignored in another unit', 'lines=0-1', undefined],
    ['is ignored when it is empty', 'bytes=-', undefined],
    ['may be absent', undefined, undefined],
  ];
  for (const [name, text, expected] of rows) {
    it(`A Range ${name}`, () => assert.deepEqual(parseRange(text, 3000), expected));
  }

  it('No Range can be satisfied by an empty blob', () => {
    assert.equal(parseRange('bytes=0-', 0), 'unsatisfiable');
    assert.equal(parseRange('bytes=-1', 0), 'unsatisfiable');
  });

  it('parseRange reads the range that formatRange wrote', () => {
    fc.assert(
      fc.property(bounds, (range) => assert.deepEqual(parseRange(formatRange(range), 10_001), range)),
    );
    assert.deepEqual(parseRange(formatRange({ from: 5 }), 7), { from: 5, to: 7 });
  });
});

describe('parseContentRange', () => {
  const rows: readonly [name: string, text: string | undefined, expected: unknown][] = [
    ['has a part and a size', 'bytes 0-5/12', { from: 0, to: 6, size: 12 }],
    ['may leave the size open', 'bytes 0-5/*', { from: 0, to: 6 }],
    ['has no part beside a 416', 'bytes */12', undefined],
    ['can not end beyond the size', 'bytes 0-12/12', undefined],
    ['can not run backwards', 'bytes 5-4/12', undefined],
    ['is not that of a chunk', '0-5', undefined],
    ['may be absent', undefined, undefined],
  ];
  for (const [name, text, expected] of rows) {
    it(`The Content-Range of an answer ${name}`, () => assert.deepEqual(parseContentRange(text), expected));
  }

  it('parseContentRange reads the range that formatContentRange wrote', () => {
    fc.assert(
      fc.property(bounds, (range) => {
        assert.deepEqual(parseContentRange(formatContentRange(range, 10_001)), { ...range, size: 10_001 });
      }),
    );
    assert.equal(formatContentRange(undefined, 12), 'bytes */12');
  });
});

describe('parseChunkRange', () => {
  const rows: readonly [name: string, text: string | undefined, expected: unknown][] = [
    ['is two numbers', '0-5', { from: 0, to: 6 }],
    ['may be one byte', '5-5', { from: 5, to: 6 }],
    ['is not that of RFC 9110', 'bytes 0-5/12', undefined],
    ['has no unit', 'bytes=0-5', undefined],
    ['can not run backwards', '5-0', undefined],
    ['has an end', '5-', undefined],
    ['is no negative number', '-1-5', undefined],
    ['is within the numbers that can be counted', '0-99999999999999999999', undefined],
    ['may be absent', undefined, undefined],
  ];
  for (const [name, text, expected] of rows) {
    it(`The Content-Range of a chunk ${name}`, () => assert.deepEqual(parseChunkRange(text), expected));
  }

  it('parseChunkRange reads the range that formatChunkRange wrote, and an empty chunk has none', () => {
    fc.assert(
      fc.property(bounds, (range) => assert.deepEqual(parseChunkRange(formatChunkRange(range)), range)),
    );
    assert.equal(formatChunkRange({ from: 5, to: 5 }), undefined);
  });
});

describe('parseUploadRange', () => {
  const rows: readonly [
    name: string,
    text: string | undefined,
    sent: number | undefined,
    expected: unknown,
  ][] = [
    ['holds the last byte', '0-5', undefined, 6],
    ['may name its unit', 'bytes=0-5', undefined, 6],
    ['may name its unit as an answer does', 'bytes 0-5/12', undefined, 6],
    ['is 0-0 for an empty session', '0-0', 0, 0],
    ['is 0-0 for an empty session that was cut early', '0-0', 5000, 0],
    ['is 0-0 for a session of unknown length, which counts as empty', '0-0', undefined, 0],
    ['is 0-0 for one byte', '0-0', 1, 1],
    ['is 0--1 on an old Gitea', '0--1', 0, 0],
    ['is unreadable when it does not begin at 0', '5-9', undefined, undefined],
    ['may be nonsense', 'abc', undefined, undefined],
    ['may be missing', undefined, 0, undefined],
  ];
  for (const [name, text, sent, expected] of rows) {
    it(`The Range of an upload session ${name}`, () =>
      assert.equal(parseUploadRange(text, sent === undefined ? {} : { sent }), expected));
  }

  it('parseUploadRange reads the range that formatUploadRange wrote', () => {
    fc.assert(
      fc.property(fc.nat(), (offset) => {
        assert.equal(parseUploadRange(formatUploadRange(offset), { sent: offset }), offset);
      }),
    );
  });
});
