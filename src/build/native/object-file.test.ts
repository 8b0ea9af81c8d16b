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

  it('an ELF file names its system and the order of its bytes, which tell ppc64 from ppc64le', () => {
    const little = elf({ machine: 21 });
    assert.deepEqual(readObjectFile(reader(little))?.architectures, ['ppc64le']);
    const big = Buffer.from(little);
    big[5] = 2;
    big.writeUInt16BE(21, 18);
    assert.deepEqual(readObjectFile(reader(big))?.architectures, ['ppc64']);
    const bsd = elf({ machine: 62 });
    bsd[7] = 9;
    assert.equal(readObjectFile(reader(bsd))?.os, 'freebsd');
  });

  it('a file of macOS may have 32 bits or the other order of bytes, and a CPU without a name', () => {
    for (const [magic, isLittle] of [
      [0xfeedface, false],
      [0xfeedfacf, false],
      [0xcefaedfe, true],
      [0xcffaedfe, true],
    ] as const) {
      const file = Buffer.alloc(64);
      file.writeUInt32BE(magic, 0);
      if (isLittle) file.writeUInt32LE(7, 4);
      else file.writeUInt32BE(7, 4);
      assert.deepEqual(readObjectFile(reader(file))?.architectures, ['386'], magic.toString(16));
    }
    assert.deepEqual(readObjectFile(reader(machO(18)))?.architectures, ['CPU 18']);
  });

  it('a universal file with long entries names all of its CPUs', () => {
    const file = Buffer.alloc(8 + 2 * 32);
    file.writeUInt32BE(0xcafebabf, 0);
    file.writeUInt32BE(2, 4);
    file.writeUInt32BE(0x01000007, 8);
    file.writeUInt32BE(0x0100000c, 40);
    assert.deepEqual(readObjectFile(reader(file))?.architectures, ['amd64', 'arm64']);
  });

  it('a file of Windows names its machine', () => {
    assert.deepEqual(readObjectFile(reader(pe(0x01c4)))?.architectures, ['machine 452']);
    // A program of DOS begins alike, and has no such header, or ends before it.
    const dos = pe(0x8664);
    dos.write('LE', 64);
    assert.equal(readObjectFile(reader(dos)), undefined);
    for (const length of [40, 66])
      assert.equal(readObjectFile(reader(pe(0x8664).subarray(0, length))), undefined);
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
