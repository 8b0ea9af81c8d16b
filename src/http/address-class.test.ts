import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type AddressClass, addressClassOf, mayReach, mostPublic, withoutBrackets } from './address-class.ts';

const rows: readonly (readonly [AddressClass, ...string[]])[] = [
  ['loopback', '127.0.0.1', '127.255.1.2', '0.0.0.0', '::1', '[::1]', '::', 'localhost', 'a.LOCALHOST.'],
  ['link-local', '169.254.169.254', 'fe80::1', 'fe80::1%eth0', '::ffff:169.254.1.1'],
  ['private', '10.0.0.1', '172.31.0.1', '192.168.1.1', '100.64.0.1', 'fd00::1', '64:ff9b::1'],
  ['private', '::ffff:10.0.0.1', '[::ffff:a00:1]'],
  ['public', '8.8.8.8', '172.32.0.1', '100.128.0.1', '2606:4700::1', 'reg.example', 'localhost.example'],
];

describe('addressClassOf', () => {
  for (const [expected, ...hosts] of rows) {
    it(`addressClassOf calls ${hosts.join(', ')} ${expected}`, () => {
      for (const host of hosts) assert.equal(addressClassOf(host), expected, host);
    });
  }
});

describe('mayReach', () => {
  const classes: readonly AddressClass[] = ['public', 'private', 'loopback', 'link-local'];

  it('mayReach allows equal and more public classes, and link-local to nothing', () => {
    const allowed = classes.map((from) => classes.filter((to) => mayReach(from, to)));
    assert.deepEqual(allowed, [
      ['public'],
      ['public', 'private'],
      ['public', 'private', 'loopback'],
      ['public', 'private', 'loopback'],
    ]);
  });

  it('mostPublic returns the most public class of a name, and public for a name without addresses', () => {
    assert.equal(mostPublic(['127.0.0.1', '10.0.0.1']), 'private');
    assert.equal(mostPublic(['10.0.0.1', '8.8.8.8', '127.0.0.1']), 'public');
    assert.equal(mostPublic([]), 'public');
  });

  it('withoutBrackets changes only an address in brackets', () => {
    assert.deepEqual(['[::1]', '::1', 'a[1]'].map(withoutBrackets), ['::1', '::1', 'a[1]']);
  });
});
