import { describe } from 'node:test';
import * as fc from 'fast-check';
import { parseAuthorization } from '../../src/server/access/authorization.ts';
import { parseHtpasswd } from '../../src/server/access/htpasswd.ts';
import { createOriginOf } from '../../src/server/access/origin.ts';
import { createPattern, isPattern } from '../../src/server/access/pattern.ts';
import { parseRules } from '../../src/server/access/rules-file.ts';
import { createTokens } from '../../src/server/access/tokens.ts';
import { secret } from '../secret.ts';
import { loginOf, standingClock } from '../server/access-stage.ts';
import { fuzz, grammar, mutated, standsPathological } from './fuzz.ts';

const authorization = (text: string): unknown => parseAuthorization({ authorization: [text] });
const users = (text: string): unknown => parseHtpasswd(text, { file: 'users' });
const rules = (text: string): unknown => parseRules(text, { file: 'rules' });

/** Input from clients in headers, and from operators in the files of users and rules. */

describe('fuzz: Authorization', () => {
  const pieces = ['Basic ', 'Bearer ', 'basic', 'YTpi', '=', ' ', 'YTo=', '.', ',', '\t', 'é'];
  fuzz('Authorization', grammar(...pieces), authorization);
  standsPathological('Authorization', pieces, authorization);
});

describe('fuzz: token', () => {
  const key = new Uint8Array(32);
  const tokens = createTokens({ key, service: 'x', login: loginOf(['a']), life: 60, clock: standingClock() });
  const header = Buffer.from('{"alg":"HS256","typ":"JWT"}').toString('base64url');
  const pieces = [header, '.', 'e30', '=', '-', '_', Buffer.from(secret('fuzz')).toString('base64url')];
  fuzz('token', grammar(...pieces), (text) => tokens.check(text));
  standsPathological('token', [...pieces, `${header}.`], (text) => tokens.check(text));
});

describe('fuzz: Host', () => {
  const originOf = createOriginOf('https://registry.example');
  const arrival = { listener: 'http://127.0.0.1:5000' };
  const pieces = [
    'localhost',
    ':5000',
    ':',
    '[',
    '::1',
    ']',
    '127.0.0.1',
    '.',
    '@',
    '/',
    '%',
    'xn--',
    '99999',
  ];
  const parse = (host: string): unknown =>
    originOf({ method: 'GET', url: '/v2/', headers: { host: [host] }, replay: 'never', arrival });
  fuzz('Host', grammar(...pieces), parse);
  standsPathological('Host', pieces, parse);
});

describe('fuzz: htpasswd', () => {
  const pieces = ['alice', ':', '$2b$', '04', '$', '.'.repeat(53), '\n', '\r', '#', ' ', '{SHA}', '$apr1$'];
  fuzz('htpasswd', grammar(...pieces), users);
  standsPathological('htpasswd', pieces, users);
});

describe('fuzz: rules', () => {
  const sample =
    'rules:\n  - repositories: ["a/**", b]\n    users: [c]\n    anonymous: true\n    allow: [pull]\n';
  const pieces = [
    'rules:',
    '- ',
    '\n',
    '  ',
    'users: ',
    '[',
    ']',
    '{',
    '}',
    '&a ',
    '*a',
    '!!map ',
    '|',
    '"',
    '#',
    '? ',
    '<<: ',
  ];
  fuzz('rules', grammar(...pieces), rules);
  fuzz('rules, almost right', mutated(sample), rules);
  standsPathological('rules', [...pieces, '&a [*a, *a],', '- [', '\n- '], rules, 2 ** 13);
});

describe('fuzz: pattern', () => {
  const name = 'a/'.repeat(127);
  const parse = (text: string): unknown => isPattern(text) && createPattern(text)(name);
  fuzz('pattern', fc.string({ unit: fc.constantFrom('a', '/', '*', '**', '-'), maxLength: 255 }), parse);
  standsPathological('pattern', ['*', '**', 'a*', '*/', '**/'], parse, 250);
});
