import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { isGantryError } from '../errors.ts';
import { type Challenge, parseChallenges } from './challenge.ts';

describe('parseChallenges', () => {
  const rows: readonly (readonly [string, readonly string[], readonly Challenge[]])[] = [
    ['none', [], []],
    ['an empty line', [''], []],
    [
      "Docker Hub's",
      [
        'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"',
      ],
      [
        {
          scheme: 'bearer',
          parameters: {
            realm: 'https://auth.docker.io/token',
            service: 'registry.docker.io',
            scope: 'repository:a/b:pull,push',
          },
        },
      ],
    ],
    [
      "Gitea's two lines, the second without parameters",
      ['Bearer realm="https://g/v2/token",service="container_registry",scope="*"', 'Basic'],
      [
        {
          scheme: 'bearer',
          parameters: { realm: 'https://g/v2/token', service: 'container_registry', scope: '*' },
        },
        { scheme: 'basic', parameters: {} },
      ],
    ],
    [
      'two challenges in a line',
      ['Bearer realm="a",service="b", Basic realm="Artifactory Realm"'],
      [
        { scheme: 'bearer', parameters: { realm: 'a', service: 'b' } },
        { scheme: 'basic', parameters: { realm: 'Artifactory Realm' } },
      ],
    ],
    [
      'a challenge without parameters before another one',
      ['Negotiate, Basic realm="x"'],
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'basic', parameters: { realm: 'x' } },
      ],
    ],
    [
      'a token68 before another challenge',
      ['Negotiate YII/+a==, Basic realm="x"'],
      [
        { scheme: 'negotiate', parameters: {} },
        { scheme: 'basic', parameters: { realm: 'x' } },
      ],
    ],
    [
      'schemes and names in upper and lower case',
      ['BEARER Realm="X"'],
      [{ scheme: 'bearer', parameters: { realm: 'X' } }],
    ],
    [
      'blanks around the equals sign',
      ['Basic realm = "x" , a=b'],
      [{ scheme: 'basic', parameters: { realm: 'x', a: 'b' } }],
    ],
    [
      'parameters without commas between them',
      ['Basic realm="x" a="b"'],
      [{ scheme: 'basic', parameters: { realm: 'x', a: 'b' } }],
    ],
    ['empty list elements', [', ,Basic ,, realm="x",,'], [{ scheme: 'basic', parameters: { realm: 'x' } }]],
    ['escapes', ['Basic realm="a\\"b\\\\c"'], [{ scheme: 'basic', parameters: { realm: 'a"b\\c' } }]],
    [
      'a value without quotes',
      ['Bearer realm=https://a/b?c=d,x=y'],
      [{ scheme: 'bearer', parameters: { realm: 'https://a/b?c=d', x: 'y' } }],
    ],
    [
      'a repeated name, of which the first value counts',
      ['Basic realm="a",realm="b"'],
      [{ scheme: 'basic', parameters: { realm: 'a' } }],
    ],
    [
      'the name __proto__',
      ['Basic __proto__="a"'],
      [{ scheme: 'basic', parameters: Object.fromEntries([['__proto__', 'a']]) }],
    ],
  ];
  for (const [name, lines, expected] of rows) {
    it(`parseChallenges parses ${name}`, () => assert.deepEqual(parseChallenges(lines), expected));
  }

  for (const line of [
    '"',
    'Bearer realm="open',
    'Bearer a=b,realm=',
    'Bearer realm=,a=b',
    '=',
    'Bearer realm="a" ;',
    '\u00e9',
  ]) {
    it(`parseChallenges throws CHALLENGE_INVALID for ${line}`, () => {
      assert.throws(
        () => parseChallenges([line]),
        (error) => isGantryError(error, 'CHALLENGE_INVALID'),
      );
    });
  }

  const name = fc.stringMatching(/^[a-z][a-z0-9_-]{0,9}$/);
  const challenge = fc.record({
    scheme: name,
    parameters: fc.dictionary(name, fc.stringMatching(/^[\x20-\x7e]{0,30}$/), { maxKeys: 4 }),
  });
  const blank = fc.constantFrom('', ' ', '\t ');

  it('parseChallenges reads back every text that follows the grammar, in one line or several', () => {
    fc.assert(
      fc.property(fc.array(challenge, { maxLength: 4 }), blank, fc.boolean(), (challenges, gap, together) => {
        const lines = challenges.map(({ scheme, parameters }) => {
          const texts = Object.entries(parameters).map(
            ([key, value]) => `${key}${gap}=${gap}"${value.replace(/["\\]/g, '\\$&')}"`,
          );
          return `${scheme} ${texts.join(`,${gap}`)}`;
        });
        const read = parseChallenges(together ? [lines.join(',')] : lines);
        assert.deepEqual(
          read.map(({ scheme, parameters }) => ({ scheme, parameters: { ...parameters } })),
          challenges.map(({ scheme, parameters }) => ({ scheme, parameters: { ...parameters } })),
        );
      }),
    );
  });

  it('parseChallenges parses any text or throws CHALLENGE_INVALID', () => {
    fc.assert(
      fc.property(
        fc.array(fc.oneof(fc.string(), fc.constantFrom('Bearer', ' ', ',', '=', '"', '\\', 'realm'))),
        (parts) => {
          try {
            parseChallenges([parts.join('')]);
          } catch (error) {
            assert.ok(isGantryError(error, 'CHALLENGE_INVALID'));
          }
        },
      ),
    );
  });
});
