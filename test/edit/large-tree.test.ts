import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { ownProgram } from '../../bench/programs.ts';
import { createFileSystem, type FileSystem } from '../../src/image/filesystem.ts';
import { createLayerReader } from '../../src/image/layer-changes.ts';
import type { TarEntry } from '../../src/tar/entry.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';

const owner = { nanoseconds: 0, uid: 0, gid: 0, uname: '', gname: '' };
const file = { type: 'file', size: 0, stored: 0, mode: 0o644, mtime: 0, ...owner, offset: 0 } as const;

/** Applies one layer. */
function applied(fileSystem: FileSystem, entries: Iterable<Pick<TarEntry, 'name'> & Partial<TarEntry>>) {
  const reader = createLayerReader('layer', fileSystem.tree.paths);
  for (const entry of entries) reader.add({ ...file, ...entry });
  return fileSystem.apply(reader.changes());
}

function* nested(): Iterable<{ readonly name: string; readonly type: 'directory' }> {
  for (const top of 'abcde')
    for (let depth = 0; depth < 2000; depth++)
      yield { name: `${top}${'/d'.repeat(depth)}`, type: 'directory' };
}

function* chain(): Iterable<Pick<TarEntry, 'name'> & Partial<TarEntry>> {
  for (let at = 0; at < 10_000; at++) yield { name: `l${at}`, type: 'link', linkname: `l${at + 1}` };
  yield { name: 'l10000', size: 7, stored: 7 };
}

describe('the merged tree of a large image', () => {
  // id: large-tree-memory
  it('250,000 files take a quarter of the memory that a million may take', {
    skip: process.platform === 'linux' ? false : 'the memory of a process is counted differently elsewhere',
  }, () => {
    const count = 250_000;
    const program = ownProgram('entries');
    const output = execFileSync(process.execPath, [program, String(count)], { encoding: 'utf8' });
    const { bytes, peakMiB }: { readonly bytes: number; readonly peakMiB: number } = JSON.parse(output);
    assert.equal(bytes, count * 512 + 1024);
    assert.ok(peakMiB <= 120, `${peakMiB} MiB`);
  });

  // id: large-tree-depth
  it('ten thousand nested directories are one path each, and the deepest is found', () => {
    const fileSystem = createFileSystem();
    assert.deepEqual(applied(fileSystem, nested()), []);
    // One more is the root.
    assert.equal(fileSystem.tree.paths.size, 10_001);
    assert.equal(fileSystem.find(`e${'/d'.repeat(1999)}`)?.type, 'directory');
    assert.equal([...fileSystem.entries()].length, 10_000);
  });

  it('links that lead each entry through thousands of directories are refused before they take minutes', async () => {
    const fileSystem = createFileSystem();
    const deep = 'd/'.repeat(1999).slice(0, -1);
    const entries = function* (): Iterable<Pick<TarEntry, 'name'> & Partial<TarEntry>> {
      for (const name of ['l', 'm']) yield { name, type: 'symlink', linkname: deep };
      // Two links by turns, since gantry remembers the last way.
      for (let at = 0; at < 10_000; at++) yield { name: `${at % 2 === 0 ? 'l' : 'm'}/${at}` };
    };
    await failsWith(
      Promise.resolve().then(() => applied(fileSystem, entries())),
      'TOO_LARGE',
    );
  });

  it('a chain of ten thousand hard links leads to its file', () => {
    const fileSystem = createFileSystem();
    assert.deepEqual(applied(fileSystem, chain()), []);
    assert.equal(fileSystem.find('l0')?.size, 7);
    const links = [...fileSystem.entries()].filter(({ type }) => type === 'link');
    assert.equal(links.length, 10_000);
    assert.ok(links.every(({ linkname }) => linkname === 'l10000'));
  });
});
