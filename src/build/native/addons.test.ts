import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parsePlatform } from '../../spec/platform.ts';
import { type BuildTarget, checkAddons } from './addons.ts';
import type { LibC, ObjectFile } from './object-file.ts';

const linux = (architecture: string, libc?: LibC): ObjectFile => ({
  form: 'ELF',
  os: 'linux',
  architectures: [architecture],
  libc,
});

function check(target: BuildTarget, files: Readonly<Record<string, ObjectFile>>): void {
  checkAddons(
    Object.entries(files).map(([path, file]) => ({ path, shown: `/home/${path}`, file })),
    target,
  );
}

const amd64 = { platform: parsePlatform('linux/amd64') };

describe('the compiled addons of an image', () => {
  it('may be for many platforms, if each package has one that fits', () => {
    check(amd64, {
      'app/node_modules/a/prebuilds/arm64.node': linux('arm64'),
      'app/node_modules/a/prebuilds/x64.node': linux('amd64'),
      'app/own.node': linux('amd64'),
    });
    check({ platform: parsePlatform('linux/arm/v7') }, { 'a/node_modules/a/arm.node': linux('arm') });
  });

  for (const [what, target, files, named] of [
    [
      'a package none of whose files fits',
      amd64,
      { 'node_modules/a/x.node': linux('arm64'), 'node_modules/b/x.node': linux('amd64') },
      '/home/node_modules/a/x.node is compiled for linux/arm64 (ELF), and the image is for linux/amd64:',
    ],
    [
      'a package of a scope beside another one that fits',
      amd64,
      { 'node_modules/@acme/a/x.node': linux('amd64'), 'node_modules/@acme/b/x.node': linux('arm64') },
      '/home/node_modules/@acme/b/x.node is compiled for linux/arm64 (ELF)',
    ],
    [
      'a package inside of another one that fits',
      amd64,
      {
        'node_modules/a/x.node': linux('amd64'),
        'node_modules/a/node_modules/b/x.node': linux('arm64'),
      },
      '/home/node_modules/a/node_modules/b/x.node is compiled for linux/arm64 (ELF)',
    ],
    [
      'the file that node-gyp built, even beside one that fits',
      amd64,
      { 'node_modules/a/x.node': linux('amd64'), 'node_modules/a/build/Release/x.node': linux('arm64') },
      '/home/node_modules/a/build/Release/x.node is compiled for linux/arm64 (ELF)',
    ],
    [
      'a file for the other C library',
      { ...amd64, libc: 'musl' },
      { 'x.node': linux('amd64', 'glibc') },
      '/home/x.node is compiled for linux/amd64 with glibc (ELF), and the image is for linux/amd64 with musl:',
    ],
    [
      'a universal file of macOS',
      amd64,
      { 'x.node': { form: 'Mach-O', os: 'darwin', architectures: ['amd64', 'arm64'] } },
      '/home/x.node is compiled for darwin/amd64, darwin/arm64 (Mach-O), and the image is for linux/amd64:',
    ],
  ] as const) {
    it(`${what}: UNSUPPORTED, with the file and both systems`, () => {
      assert.throws(
        () => check(target, files),
        (error: Error & { code?: string }) => error.code === 'UNSUPPORTED' && error.message.startsWith(named),
      );
    });
  }

  it('fit any C library if that of the base, or of the file, is unknown', () => {
    check(amd64, { 'x.node': linux('amd64', 'musl') });
    check({ ...amd64, libc: 'musl' }, { 'x.node': linux('amd64') });
  });
});
