import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import * as fc from 'fast-check';
import { componentOf, repositoryPath, tagFile, tagOfFile } from './file-names.ts';

const tags = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/);

describe('a tag as a file name', () => {
  it('a tag comes back from its file name unchanged', () => {
    fc.assert(fc.property(tags, (tag) => assert.equal(tagOfFile(tagFile(tag)), tag)));
  });

  it('the file names of two tags differ, also on a file system that ignores case', () => {
    fc.assert(
      fc.property(tags, fc.nat(), (tag, at) => {
        const letter = tag.charAt(at % tag.length);
        const turned = letter === letter.toLowerCase() ? letter.toUpperCase() : letter.toLowerCase();
        const other = tag.slice(0, at % tag.length) + turned + tag.slice((at % tag.length) + 1);
        assert.equal(
          tag === other,
          tagFile(tag).toLowerCase() === tagFile(other).toLowerCase(),
          `${tag} and ${other}`,
        );
      }),
    );
  });

  it('the longest tag fits into a file name', () => {
    assert.ok(tagFile('T'.repeat(128)).length < 200);
  });

  for (const file of ['_v1.tag.6f2c.tmp', 'v1.tag', '_v1', '.tag', '_v1=zz.tag']) {
    it(`${file} is the file of no tag`, () => assert.equal(tagOfFile(file), undefined));
  }
});

describe('a repository as a folder', () => {
  const rows = [
    { name: 'a/b', path: ['a', 'b'] },
    { name: 'library/con', path: ['library', '_con'] },
    { name: 'aux.d/com1', path: ['_aux.d', '_com1'] },
    { name: 'console/com', path: ['console', 'com'] },
  ];
  for (const { name, path } of rows) {
    it(`${name} stands in ${path.join('/')}`, () => {
      assert.equal(repositoryPath('root', name), join('root', ...path));
      assert.equal(path.map(componentOf).join('/'), name);
    });
  }

  it('a folder of the store itself is no component of a name', () => {
    assert.deepEqual(['_layout', '_gantry'].map(componentOf), [undefined, undefined]);
  });
});
