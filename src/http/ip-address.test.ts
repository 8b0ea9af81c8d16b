import assert from 'node:assert/strict';
import { BlockList, isIP } from 'node:net';
import { describe, it } from 'node:test';
import {
  assert as check,
  constantFrom,
  ipV4,
  ipV6,
  nat,
  oneof,
  pre,
  property,
  stringMatching,
  tuple,
} from 'fast-check';
import { isInNetwork, parseAddress } from './ip-address.ts';

const familyOf = (text: string): number =>
  ({ 4: 4, 16: 6 })[String(parseAddress(text)?.length ?? 0) as '4' | '16'] ?? 0;

const family = (text: string): 'ipv4' | 'ipv6' => (isIP(text) === 6 ? 'ipv6' : 'ipv4');

/** Addresses, and texts that nearly are addresses. */
const texts = oneof(
  ipV4(),
  ipV6(),
  stringMatching(/^[0-9a-f:.]{0,24}$/),
  tuple(stringMatching(/^(::)?([0-9a-f]{0,5}:){0,8}$/), oneof(ipV4(), stringMatching(/^[0-9a-f]{0,5}$/))).map(
    (parts) => parts.join(''),
  ),
);

describe('addresses without node:net', () => {
  it('parseAddress takes the addresses that node:net takes', () => {
    check(property(texts, (text) => assert.equal(familyOf(text), isIP(text), text)));
  });

  it('parseAddress refuses addresses with a missing or extra group, a wide group or leading zeros', () => {
    const wrong = ['1.2.3', '1.2.3.4.5', '1.2.3.256', '01.2.3.4', ':', ':::', '1::2::3', '1:2:3:4:5:6:7'];
    const long = ['1:2:3:4:5:6:7:8:9', '1:2:3:4:5:6:7:8::', '::12345', '1.2.3.4::', '::1.2.3', ':1.2.3.4'];
    for (const text of [...wrong, ...long, '', 'localhost'])
      assert.equal(parseAddress(text), undefined, text);
  });

  it('isInNetwork answers as a BlockList of node:net does', () => {
    const address = oneof(
      ipV4(),
      ipV6(),
      ipV4().map((text) => `::ffff:${text}`),
    );
    const network = oneof(
      tuple(ipV4(), nat(32)),
      tuple(ipV6(), nat(128)),
      constantFrom(['10.0.0.0', 8] as const, ['fe80::', 10] as const, ['::ffff:0:0', 96] as const),
    );
    check(
      property(address, network, (text, [base, prefixLength]) => {
        // A BlockList compares IPv4 addresses with networks of mapped ones, which no rule of gantry names.
        pre(isIP(text) === 6 || isIP(base) === 4);
        const list = new BlockList();
        list.addSubnet(base, prefixLength, family(base));
        const inside = isInNetwork(parseAddress(text) ?? [], parseAddress(base) ?? [], prefixLength);
        assert.equal(inside, list.check(text, family(text)), `${text} in ${base}/${prefixLength}`);
      }),
    );
  });
});
