import { describe } from 'node:test';
import { isIgnored, parseIgnore } from '../../src/build/ignore.ts';
import { elf, universal } from '../../src/build/native/object-file.test.support.ts';
import { readObjectFile } from '../../src/build/native/object-file.ts';
import { majorOf } from '../../src/build/node/engines.ts';
import { fuzz, grammar, spoilt, standsPathological } from './fuzz.ts';

/** The files of a folder that is built. */

function read(bytes: Uint8Array): void {
  readObjectFile((at, length) => bytes.subarray(at, Math.min(bytes.byteLength, at + length)));
}

function matched(text: string): void {
  const rules = parseIgnore(text, 'an ignore file');
  for (const path of ['a', 'a/b/a', '.a/..b/a']) isIgnored(rules, path);
}

describe('fuzz: compiled files', () => {
  fuzz('ELF files', spoilt(elf({ machine: 62, needed: ['libm.so.6', 'libc.so.6'] })), read);
  fuzz('universal files', spoilt(universal(7, 0x0100000c)), read);
});

describe('fuzz: ignore files', () => {
  const pieces = [
    'a',
    '/',
    '*',
    '**',
    '**/',
    '?',
    '[',
    ']',
    '[a-b]',
    '^',
    '-',
    '\\',
    '!',
    '#',
    ' ',
    '.',
    '..',
    '\n',
  ];
  fuzz('patterns', grammar(...pieces), matched);
  standsPathological('patterns', pieces, matched);
});

describe('fuzz: ranges of versions', () => {
  const pieces = ['22', '.', 'x', '*', '>=', '<', '^', '~', ' ', ' - ', '||', '-rc', 'v', '+'];
  fuzz('ranges', grammar(...pieces), majorOf);
  standsPathological('ranges', pieces, majorOf);
});
