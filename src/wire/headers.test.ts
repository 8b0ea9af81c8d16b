import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import {
  contentLength,
  formatNextLink,
  headerLines,
  headerValue,
  matchesEntityTag,
  parseNextLink,
  parseRetryAfter,
  parseWarnings,
} from './headers.ts';

describe('headers', () => {
  it('Headers are found by name, each with its lines', () => {
    const headers = { 'x-a': [' 1 ', '2'], 'x-b': [''], 'content-length': ['12'] };
    assert.deepEqual(headerLines(headers, 'x-a'), [' 1 ', '2']);
    assert.equal(headerValue(headers, 'x-a'), '1');
    assert.equal(headerValue(headers, 'x-b'), undefined);
    assert.equal(headerValue(headers, 'constructor'), undefined);
    assert.equal(contentLength(headers), 12);
  });

  for (const text of ['-1', '1e3', '0x10', '', '9007199254740993', '1,1']) {
    it(`The text "${text}" is no Content-Length`, () => {
      assert.equal(contentLength({ 'content-length': [text] }), undefined);
    });
  }
});

describe('parseNextLink', () => {
  const rows: readonly [name: string, lines: string[], expected: string | undefined][] = [
    [
      'is found as RFC 8288 writes it',
      ['</v2/a/tags/list?n=1&last=b>; rel="next"'],
      '/v2/a/tags/list?n=1&last=b',
    ],
    [
      'may be absolute',
      ['<https://h/v2/_catalog?last=a%2Fb>; rel="next"'],
      'https://h/v2/_catalog?last=a%2Fb',
    ],
    [
      'may go without <>, as Cloudflare writes it',
      ['/v2/_catalog?n=1&last=a; rel="next"'],
      '/v2/_catalog?n=1&last=a',
    ],
    ['may have an unquoted relation', ['</n>;rel=next'], '/n'],
    ['may have its relation in capitals', ['</n>; REL="NEXT"'], '/n'],
    ['may have several relations', ['</n>; rel="last next"'], '/n'],
    ['may have other parameters', ['</n>; title="a, b; c"; rel="next"'], '/n'],
    ['may be one of several in a line', ['</first>; rel="first", </n>; rel="next"'], '/n'],
    ['may be one of several lines', ['</first>; rel="first"', '</n>; rel="next"'], '/n'],
    ['may hold a comma in its address', ['</n?a=1,2>; rel="next"'], '/n?a=1,2'],
    ['with rel=next only inside a title leads nowhere', ['</n>; title="; rel=next"'], undefined],
    ['with another relation leads nowhere', ['</p>; rel="prev"'], undefined],
    ['without relation leads nowhere', ['</p>'], undefined],
    ['with an empty address leads nowhere', ['<>; rel="next"'], undefined],
    ['may be absent', [], undefined],
    ['may be nonsense', ['<;;,"'], undefined],
  ];
  for (const [name, lines, expected] of rows)
    it(`A Link header ${name}`, () => assert.equal(parseNextLink(lines), expected));

  it('parseNextLink reads the address that formatNextLink wrote', () => {
    fc.assert(
      fc.property(fc.webPath(), fc.webQueryParameters(), (path, query) => {
        const target = `/v2${path}?${query}`;
        assert.equal(parseNextLink([formatNextLink(target)]), target);
      }),
    );
  });

  it('A long Link header is read in linear time', () => {
    assert.equal(parseNextLink([`<a>${'; x'.repeat(20_000)}!`]), undefined);
    assert.equal(parseNextLink([`${' '.repeat(50_000)}x`]), undefined);
    assert.equal(parseNextLink([`${'a'.repeat(50_000)}"`]), undefined);
    assert.equal(parseNextLink(['<'.repeat(50_000)]), undefined);
  });
});

describe('parseRetryAfter', () => {
  const now = Date.parse('2026-01-01T00:00:00Z');
  const rows: readonly [name: string, text: string | undefined, expected: number | undefined][] = [
    ['may be seconds', '120', 120_000],
    ['may be zero', '0', 0],
    ['may be a fraction', '0.5', 500],
    ['may be a date', 'Thu, 01 Jan 2026 00:01:00 GMT', 60_000],
    ['may be a date of old', 'Thursday, 01-Jan-26 00:01:00 GMT', 60_000],
    ['may be in the past', 'Wed, 31 Dec 2025 00:00:00 GMT', 0],
    ['may be negative, which is ignored', '-5', undefined],
    ['may be words', 'soon', undefined],
    ['may be a list of numbers, which Date.parse would take', '1 2 3', undefined],
    ['may be absent', undefined, undefined],
  ];
  for (const [name, text, expected] of rows) {
    it(`Retry-After ${name}`, () => assert.equal(parseRetryAfter(text, now), expected));
  }
});

describe('parseWarnings', () => {
  const rows: readonly [name: string, lines: string[], expected: string[]][] = [
    ['is read from 299', ['299 - "going away"'], ['going away']],
    ['may hold quotes and backslashes', ['299 - "a \\"b\\" \\\\ c"'], ['a "b" \\ c']],
    ['may come twice in a line', ['299 - "a", 299 - "b"'], ['a', 'b']],
    ['is not another code', ['199 - "x"', '1299 - "y"'], []],
    ['is not from another agent', ['299 proxy "x"'], []],
    ['is cut off after 4096 bytes', [`299 - "${'x'.repeat(4096)}"`, '299 - "y"'], ['x'.repeat(4096)]],
  ];
  for (const [name, lines, expected] of rows) {
    it(`A Warning header ${name}`, () => assert.deepEqual(parseWarnings(lines), expected));
  }
});

describe('matchesEntityTag', () => {
  const rows: readonly [name: string, lines: string[], expected: boolean][] = [
    ['matches the tag itself', ['"a"'], true],
    ['matches a weak tag', ['W/"a"'], true],
    ['matches one of a list', ['"b", "a"'], true],
    ['matches in another line', ['"b"', '"a"'], true],
    ['matches anything by a star', ['*'], true],
    ['does not match another tag', ['"b"'], false],
    ['does not match without quotes', ['a'], false],
    ['may be absent', [], false],
  ];
  for (const [name, lines, expected] of rows) {
    it(`If-None-Match ${name}`, () => assert.equal(matchesEntityTag(lines, '"a"'), expected));
  }
});
