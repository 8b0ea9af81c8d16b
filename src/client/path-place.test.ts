import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { describe, it } from 'node:test';
import { atEnd } from '../../test/at-end.ts';
import { folder } from '../../test/folder.ts';
import { isGantryError } from '../errors.ts';
import { parsePlace } from './place.ts';

function refused(text: string, code: 'NAME_UNKNOWN' | 'INVALID_REFERENCE'): void {
  assert.throws(
    () => parsePlace(text),
    (error) => isGantryError(error, code),
    text,
  );
}

describe('a path beside references', () => {
  it('A text that can only be a path is one: a file is an archive, and a folder with a layout is a layout.', async (test) => {
    const at = await folder(test);
    const [layout, saved] = [join(at, 'layout'), join(at, 'saved')];
    await mkdir(layout);
    await writeFile(join(layout, 'oci-layout'), '{}');
    await writeFile(saved, '');
    assert.deepEqual(parsePlace(layout), { kind: 'oci', path: layout });
    assert.deepEqual(parsePlace(`${layout}/`), { kind: 'oci', path: `${layout}/` });
    assert.deepEqual(parsePlace(saved), { kind: 'docker-archive', path: saved });
  });

  it('A path without a file, and a folder without a layout, are refused, because a copy would make one in the wrong kind or place.', async (test) => {
    const at = await folder(test);
    refused(join(at, 'nothing'), 'NAME_UNKNOWN');
    refused('./nothing', 'NAME_UNKNOWN');
    refused('../nothing/', 'NAME_UNKNOWN');
    refused(at, 'NAME_UNKNOWN');
    refused('.', 'NAME_UNKNOWN');
  });

  it('A name in an archive needs the prefix, and the error says so.', async (test) => {
    const saved = join(await folder(test), 'app.tar');
    await writeFile(saved, '');
    assert.throws(() => parsePlace(`${saved}:1`), /docker-archive:.*app\.tar:1/);
  });

  it('A name that ends like an archive is the file if it exists, and otherwise an image.', async (test) => {
    const at = await folder(test);
    const before = process.cwd();
    process.chdir(at);
    atEnd(test, () => process.chdir(before));
    await writeFile('app.tar', '');
    await mkdir('folder.tar');
    assert.deepEqual(parsePlace('app.tar'), { kind: 'docker-archive', path: 'app.tar' });
    for (const text of ['other.tar', 'folder.tar', 'docker.io/library/app.tar', 'app.tar:1', 'app'])
      assert.equal(parsePlace(text).kind, 'registry', text);
  });

  it('References with dots and slashes stay references.', () => {
    for (const text of ['a.b/c', 'localhost/a', 'a/b/c', '[::1]:5000/a', 'x/y.tar.gz'])
      assert.equal(parsePlace(text).kind, 'registry', text);
  });
});
