import { describe } from 'node:test';
import { parseDigest } from '../../src/spec/digest.ts';
import { parsePlatform } from '../../src/spec/platform.ts';
import { parsePlatformPattern } from '../../src/spec/platform-pattern.ts';
import { parseReference, parseRegistry } from '../../src/spec/reference.ts';
import { safeName } from '../../src/tar/name.ts';
import { parseOperation } from '../../src/wire/route.ts';
import { fuzz, grammar, standsPathological } from './fuzz.ts';

/** Text that a user types or another program passes on. */

describe('fuzz: reference', () => {
  const pieces = [
    'docker.io',
    'localhost',
    ':5000',
    '/',
    'a',
    'library',
    ':',
    'latest',
    '@',
    'sha256:',
    'e'.repeat(64),
    '.',
    '_',
    '__',
    '-',
    '[::1]',
    'http://',
    'A',
    '%2F',
  ];
  fuzz('reference', grammar(...pieces), (text) => parseReference(text));
  fuzz('registry', grammar(...pieces), (text) => parseRegistry(text));
  standsPathological('reference', [...pieces, 'a-', 'a_', 'a--', 'a/a', 'a.a'], (text) =>
    parseReference(text),
  );
  standsPathological('registry', [...pieces, 'a-', 'a.a', '[:'], (text) => parseRegistry(text));
});

describe('fuzz: digest', () => {
  const pieces = ['sha256', 'sha512', ':', '+', '.', '_', '-', 'a'.repeat(64), '=', 'A', '0'];
  fuzz('digest', grammar(...pieces), (text) => parseDigest(text));
  standsPathological('digest', [...pieces, 'a+', 'a.a'], (text) => parseDigest(text));
});

describe('fuzz: platform', () => {
  const pieces = ['linux', '/', 'amd64', 'arm', 'v7', ':', '10.0.17763', 'unknown', ' ', '.', 'V', '+win32k'];
  fuzz('platform', grammar(...pieces), (text) => parsePlatform(text));
  fuzz('platform pattern', grammar(...pieces), (text) => parsePlatformPattern(text));
  standsPathological('platform pattern', pieces, (text) => parsePlatformPattern(text));
  standsPathological('platform', pieces, (text) => parsePlatform(text));
});

describe('fuzz: name in a tar', () => {
  const pieces = ['a', '/', '.', '..', '\\', 'C:', '\0', ' '];
  fuzz('name in a tar', grammar(...pieces), (text) => safeName(text, 'tar'));
  standsPathological('name in a tar', pieces, (text) => safeName(text, 'tar'));
});

describe('fuzz: route', () => {
  const pieces = [
    '/v2/',
    'blobs',
    '/',
    'uploads',
    'manifests',
    'tags/list',
    '?',
    'n=1',
    '&',
    'digest=',
    '%3A',
    '%',
  ];
  fuzz('route', grammar(...pieces), (text) => parseOperation('GET', text));
  standsPathological('route', [...pieces, 'a/', 'a-'], (text) => parseOperation('POST', text));
});
