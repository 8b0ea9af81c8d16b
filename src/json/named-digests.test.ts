import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { namedDigests } from './named-digests.ts';

const sha256 = (letter: string): string => `sha256:${letter.repeat(64)}`;
const found = (value: unknown): readonly string[] => [...namedDigests(value)].sort();

describe('namedDigests', () => {
  it('namedDigests finds digests in any member, at any depth, each once', () => {
    const document = {
      layers: [{ digest: sha256('a') }, { digest: sha256('b') }, null],
      manifests: [[{ deep: { deeper: sha256('c') } }]],
      again: sha256('a'),
      config: null,
      size: 5,
      flag: true,
    };
    assert.deepEqual(found(document), ['a', 'b', 'c'].map(sha256));
  });

  it('namedDigests leaves out annotations and the subject, whose content may be elsewhere', () => {
    const document = {
      subject: { digest: sha256('a') },
      annotations: { base: sha256('b') },
      layers: [{ digest: sha256('c'), annotations: { of: sha256('d') } }],
    };
    assert.deepEqual(found(document), [sha256('c')]);
  });

  const others = [
    'alpine:3',
    'sha256:abc',
    `sha256:${'A'.repeat(64)}`,
    `md5:${'a'.repeat(32)}`,
    `blake3:${'a'.repeat(64)}`,
    ` ${sha256('a')}`,
    `${sha256('a')}\n`,
    `app@${sha256('a')}`,
  ];
  for (const text of others) {
    it(`namedDigests does not take ${JSON.stringify(text)} for a digest`, () => {
      assert.deepEqual(found({ text, list: [text] }), []);
    });
  }

  it('namedDigests takes sha512, and a document that is a digest itself', () => {
    const digest = `sha512:${'0'.repeat(128)}`;
    assert.deepEqual(found(digest), [digest]);
    assert.deepEqual(found([digest]), [digest]);
  });

  it('namedDigests finds exactly the digests of any document outside annotations and subjects', () => {
    const expected = new Set<string>();
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { maxDepth: 4 },
        fc.constantFrom(null, true, 1, 'text', sha256('a'), sha256('b'), sha256('c')),
        fc.array(tie('any'), { maxLength: 3 }),
        fc.dictionary(fc.constantFrom('x', 'digest', 'annotations', 'subject'), tie('any'), { maxKeys: 3 }),
      ),
    })).any;
    const gather = (part: unknown): void => {
      if (typeof part === 'string' && part.startsWith('sha256:')) expected.add(part);
      if (typeof part !== 'object' || part === null) return;
      for (const [key, item] of Object.entries(part)) {
        if (Array.isArray(part) || (key !== 'annotations' && key !== 'subject')) gather(item);
      }
    };
    fc.assert(
      fc.property(value, (document) => {
        expected.clear();
        gather(document);
        assert.deepEqual(found(document), [...expected].sort());
      }),
    );
  });
});
