import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { elf, machO, pe, universal } from './object-file.test.support.ts';
import { type ReadBytes, readObjectFile } from './object-file.ts';

function reader(bytes: Uint8Array): ReadBytes {
  return (at, length) => bytes.subarray(at, at + length);
}

function libcOf(...needed: readonly string[]): string | undefined {
  return readObjectFile(reader(elf({ machine: 62, needed })))?.libc;
}

describe('the header of a compiled file', () => {
  for (const [machine, architecture] of [
    [62, 'amd64'],
    [183, 'arm64'],
    [40, 'arm'],
    [22, 's390x'],
    [9999, 'machine 9999'],
  ] as const) {
    it(`an ELF file for machine ${machine} is for linux/${architecture}`, () => {
      const { form, os, architectures } = readObjectFile(reader(elf({ machine }))) ?? assert.fail();
      assert.deepEqual([form, os, architectures], ['ELF', 'linux', [architecture]]);
    });
  }

  it('the C library of an ELF file is the one among its needed libraries', () => {
    assert.equal(libcOf('libm.so.6', 'libc.so.6'), 'glibc');
    assert.equal(libcOf('libstdc++.so.6', 'libc.musl-x86_64.so.1'), 'musl');
    assert.equal(libcOf('libm.so.6'), undefined);
  });

  it('a file of macOS names its CPU, and a universal one all of them', () => {
    assert.deepEqual(readObjectFile(reader(machO(0x0100000c)))?.architectures, ['arm64']);
    const both = readObjectFile(reader(universal(0x01000007, 0x0100000c)));
    assert.deepEqual(both, { form: 'Mach-O', os: 'darwin', architectures: ['amd64', 'arm64'] });
  });

  it('a file of Windows names its machine', () => {
    assert.deepEqual(readObjectFile(reader(pe(0x8664))), {
      form: 'PE',
      os: 'windows',
      architectures: ['amd64'],
    });
  });

  it('other files, short ones, and a class of Java are no compiled files', () => {
    const others = ['', 'MZ', '#!/bin/sh\necho some text that is long enough to be read as a header\n'];
    for (const text of others) assert.equal(readObjectFile(reader(Buffer.from(text))), undefined);
    assert.equal(
      readObjectFile(reader(Buffer.concat([Buffer.from('cafebabe00000041', 'hex'), Buffer.alloc(64)]))),
      undefined,
    );
  });

  it('a file that ends early, or points beyond its end, has no C library', () => {
    const whole = elf({ machine: 62, needed: ['libc.so.6'] });
    for (let length = 20; length < whole.byteLength; length++)
      readObjectFile(reader(whole.subarray(0, length)));
    const forged = Buffer.from(whole);
    forged.writeBigUInt64LE(2n ** 63n, 32);
    assert.equal(readObjectFile(reader(forged))?.libc, undefined);
  });
});
