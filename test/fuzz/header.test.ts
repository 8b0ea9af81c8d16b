import { describe } from 'node:test';
import { parseChallenges } from '../../src/auth/challenge.ts';
import { parseNextLink, parseRetryAfter, parseWarnings } from '../../src/wire/headers.ts';
import { parseChunkRange, parseContentRange, parseRange, parseUploadRange } from '../../src/wire/range.ts';
import { redactUrl, redactWords } from '../../src/wire/redact.ts';
import { fuzz, grammar, standsPathological } from './fuzz.ts';

/** Text from a server or a client in a header. */

describe('fuzz: challenge', () => {
  const pieces = [
    'Bearer ',
    'Basic',
    'realm=',
    '"https://r.example/token"',
    'scope="repository:a/b:pull,push"',
    'service=',
    ',',
    ' ',
    '"',
    '\\',
    '=',
    'abc==',
    '\t',
  ];
  fuzz('challenge', grammar(...pieces), (text) => parseChallenges([text]));
  standsPathological('challenge', [...pieces, 'a=b ', 'a="b",', 'a ', 'Bearer a="'], (text) =>
    parseChallenges([text]),
  );
});

describe('fuzz: Link', () => {
  const pieces = ['<', '>', '/v2/a/tags/list?n=1', ';', ' rel=', '"next"', 'next', ',', ' ', '"', '='];
  fuzz('Link', grammar(...pieces), (text) => parseNextLink([text]));
  standsPathological('Link', [...pieces, '<>', '";', '<a>; rel="next" ', ';rel='], (text) =>
    parseNextLink([text]),
  );
});

describe('fuzz: Warning', () => {
  const pieces = ['299 - "', '"', '\\', 'text', ', ', ' ', '299', '-'];
  fuzz('Warning', grammar(...pieces), (text) => parseWarnings([text]));
  standsPathological('Warning', [...pieces, '299 - "\\', '299 - "a" '], (text) => parseWarnings([text]));
});

const digits = [
  'bytes',
  'bytes=',
  '=',
  ' ',
  '-',
  '0',
  '1',
  '9',
  '/',
  '*',
  '0-0',
  '0--1',
  ',',
  '9007199254740993',
];

describe('fuzz: Range', () => {
  fuzz('Range', grammar(...digits), (text) => parseRange(text, 1000));
  standsPathological('Range', digits, (text) => parseRange(text, 1000));
});

describe('fuzz: Content-Range', () => {
  fuzz('Content-Range', grammar(...digits), (text) => parseContentRange(text));
  standsPathological('Content-Range', digits, (text) => parseContentRange(text));
  fuzz('Content-Range of a chunk', grammar(...digits), (text) => parseChunkRange(text));
  standsPathological('Content-Range of a chunk', digits, (text) => parseChunkRange(text));
});

describe('fuzz: upload Range', () => {
  fuzz('upload Range', grammar(...digits), (text) => parseUploadRange(text, { sent: 1 }));
  standsPathological('upload Range', digits, (text) => parseUploadRange(text));
});

describe('fuzz: Retry-After', () => {
  const pieces = ['Wed', ', ', '21 ', 'Oct ', '2026 ', '07:28:00 ', 'GMT', '120', '1.5', '-', ' ', '(', ')'];
  fuzz('Retry-After', grammar(...pieces), (text) => parseRetryAfter(text, 0));
  standsPathological('Retry-After', pieces, (text) => parseRetryAfter(text, 0));
});

describe('fuzz: redacted URL', () => {
  const pieces = ['https://', 'user:word@', 'host', '/', '?', '&', 'sig=', 'n=1', '#', '@', ':', '%2e'];
  fuzz('redacted URL', grammar(...pieces), (text) => redactUrl(text));
  standsPathological('redacted URL', pieces, (text) => redactUrl(text));
});

describe('fuzz: redacted words', () => {
  const pieces = ['Bearer ', 'eyJ', '.', 'abcdefgh', '=', 'https://', '@', '?', ' ', '"', '-', 'Basic '];
  fuzz('redacted words', grammar(...pieces), (text) => redactWords(text, ['abc', 'efgh']));
  const more = ['eyJ-.', 'Bearer abcdefgh=b', 'https://a?', 'abcdefgh='];
  standsPathological('redacted words', [...pieces, ...more], (text) => redactWords(text, ['abc', 'efgh']));
});
