import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseHostName } from './host-name.ts';

describe('parseHostName', () => {
  for (const [text, name] of [
    ['registry', 'registry'],
    ['Registry.Example:8443', 'registry.example:8443'],
    ['a_b.c-d.example.', 'a_b.c-d.example.'],
    ['192.0.2.1', '192.0.2.1'],
    ['[::1]:5000', '[::1]:5000'],
    ['x', 'x'],
  ] as const) {
    it(`parseHostName accepts ${text}`, () => assert.equal(parseHostName(text), name));
  }

  for (const text of ['', '/', 'https://a.example', 'a/b', 'a b', '::1', '-a', 'a-', 'a:port', 'a:123456']) {
    it(`parseHostName refuses "${text}"`, () =>
      assert.throws(() => parseHostName(text), { code: 'INVALID_OPTION' }));
  }
});
