import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { majorOf } from './engines.ts';

const cases: readonly (readonly [range: string, major: number | undefined])[] = [
  ['22', 22],
  ['22.x', 22],
  ['v22.1.0', 22],
  ['^22.3.1', 22],
  ['~20.19', 20],
  ['>=20', 26],
  ['>= 20.19.0', 26],
  ['>=18 <23', 22],
  ['>=18 <22', 20],
  ['<22.0.0', 20],
  ['<22.1', 22],
  ['>20', 26],
  ['<=20', 20],
  ['18 || 20', 20],
  ['^18.17.0 || >=20.5.0', 26],
  ['18 - 22', 22],
  ['*', 26],
  ['', 26],
  ['x', 26],
  ['>=22.0.0-rc.1', 26],
  ['23', undefined],
  ['lts/jod', undefined],
  ['18 - 20 - 22', undefined],
];

describe('the version of Node for an application', () => {
  for (const [range, major] of cases) {
    it(`engines.node "${range}" means ${major === undefined ? 'no supported major' : `Node ${major}`}`, () => {
      assert.equal(majorOf(range), major);
    });
  }
});
