import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { sourceAddressOf } from './source.ts';

describe('the source of a connection', () => {
  const rows: readonly (readonly [peer: string | undefined, source: string | undefined])[] = [
    ['10.0.0.1', '10.0.0.1'],
    ['::ffff:10.0.0.1', '10.0.0.1'],
    ['::FFFF:10.0.0.1', '10.0.0.1'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:0db8:0001:0002::1', '2001:db8:1:2::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['fe80::1%eth0', 'fe80:0:0:0::/64'],
    ['::2', '0:0:0:0::/64'],
    ['::1', undefined],
    ['127.0.0.1', undefined],
    ['127.9.9.9', undefined],
    ['::ffff:127.0.0.1', undefined],
    [undefined, undefined],
  ];
  for (const [peer, source] of rows) {
    it(`guess-lockout: the source of ${peer} is ${source}`, () =>
      assert.equal(sourceAddressOf(peer), source));
  }
});
