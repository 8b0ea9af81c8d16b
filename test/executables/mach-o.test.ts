import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { formatProblem } from '../../scripts/executables/formats.ts';
import { signAdHoc, signatureProblem } from '../../scripts/executables/mach-o.ts';

const pageSize = 4096;
const codeSize = 3 * pageSize + 112;

/** Makes a Mach-O file with three load commands, some code, and a part that stands in the place of a signature. */
function machO({ processor = 0x01000007, signature = Buffer.alloc(32) } = {}): Buffer {
  const file = Buffer.alloc(codeSize, 7);
  file.fill(0, 0, 512);
  const commands = [
    segment('__TEXT', 0, 2 * pageSize),
    segment('__LINKEDIT', 2 * pageSize),
    Buffer.alloc(16),
  ];
  const [, , last = Buffer.alloc(0)] = commands;
  last.writeUInt32LE(0x1d, 0);
  last.writeUInt32LE(last.length, 4);
  last.writeUInt32LE(codeSize, 8);
  last.writeUInt32LE(signature.length, 12);
  const joined = Buffer.concat(commands);
  for (const [at, value] of [0xfeedfacf, processor, 0, 2, commands.length, joined.length].entries()) {
    file.writeUInt32LE(value, at * 4);
  }
  joined.copy(file, 32);
  return Buffer.concat([file, signature]);
}

function segment(name: string, offset: number, size = 0): Buffer {
  const command = Buffer.alloc(72);
  command.writeUInt32LE(0x19, 0);
  command.writeUInt32LE(command.length, 4);
  command.write(name, 8, 'latin1');
  command.writeBigUInt64LE(BigInt(offset), 40);
  command.writeBigUInt64LE(BigInt(size), 48);
  return command;
}

describe('the ad-hoc signature of a Mach-O file', () => {
  it('a signed file has the hash of each page, and its last segment reaches to its end', () => {
    const signed = signAdHoc(machO(), 'gantry');
    assert.equal(signatureProblem(signed), undefined);
    assert.equal(formatProblem(signed, { os: 'darwin', cpu: 'x64' }), undefined);
    // The second load command, `__LINKEDIT`.
    const linkedit = 32 + 72;
    const [offset, size] = [40, 48].map((at) => Number(signed.readBigUInt64LE(linkedit + at)));
    assert.equal((offset ?? 0) + (size ?? 0), signed.length);
    assert.ok(signed.readBigUInt64LE(linkedit + 32) >= BigInt(size ?? 0));
    assert.ok(signed.includes('gantry\0', codeSize));
  });

  it('signing a signed file again changes nothing', () => {
    const signed = signAdHoc(machO(), 'gantry');
    assert.deepEqual(signAdHoc(signed, 'gantry'), signed);
  });

  for (const at of [600, pageSize + 1, codeSize - 1]) {
    it(`a byte that changes at ${at} after signing is found`, () => {
      const signed = signAdHoc(machO(), 'gantry');
      signed[at] = 8;
      assert.match(signatureProblem(signed) ?? '', /^the page at byte \d+ differs from its hash$/);
    });
  }

  for (const [name, spoil, problem] of [
    ['without a signature', (file) => file.fill(0, codeSize), /no signature/],
    ['with a byte behind its signature', (file) => Buffer.concat([file, Buffer.alloc(1)]), /end of the file/],
    ['with the signature of a maker', (file) => put(file, codeSize + 32, 0x20000), /names a signer/],
    ['with the hardened runtime', (file) => put(file, codeSize + 32, 0x10002), /hardened runtime/],
    ['with a signature of less', (file) => put(file, codeSize + 52, 4096), /another length/],
    ['with a hash less', (file) => put(file, codeSize + 48, 3), /lack a hash/],
  ] as const satisfies readonly (readonly [string, (file: Buffer) => Buffer, RegExp])[]) {
    it(`a file ${name} is found`, () => {
      assert.match(signatureProblem(spoil(signAdHoc(machO(), 'gantry'))) ?? '', problem);
    });
  }

  it('a file of another format cannot be signed', () => {
    assert.throws(() => signAdHoc(Buffer.from('#!/bin/sh\n'), 'gantry'), /no 64-bit Mach-O file/);
  });
});

describe('the format of an executable file', () => {
  it('a Mach-O file for another processor is found', () => {
    const signed = signAdHoc(machO({ processor: 0x0100000c }), 'gantry');
    assert.equal(formatProblem(signed, { os: 'darwin', cpu: 'arm64' }), undefined);
    assert.match(formatProblem(signed, { os: 'darwin', cpu: 'x64' }) ?? '', /another processor/);
  });

  const linux = { os: 'linux', cpu: 'x64' } as const;

  it('an ELF file is taken, and a truncated one, one for another processor and one that loads nothing are found', () => {
    assert.equal(formatProblem(elf(), linux), undefined);
    assert.match(formatProblem(elf().subarray(0, 199), linux) ?? '', /ends behind the file/);
    assert.match(formatProblem(elf().subarray(0, 100), linux) ?? '', /truncated/);
    assert.match(formatProblem(elf(), { os: 'linux', cpu: 'arm64' }) ?? '', /another processor/);
    assert.match(formatProblem(put(elf(), 64, 0), linux) ?? '', /loads nothing/);
    assert.match(formatProblem(Buffer.from('MZ'), linux) ?? '', /no ELF file/);
  });

  const windows = { os: 'win32', cpu: 'x64' } as const;

  it('a PE file for the console is taken, and one with an old signature, another kind or a missing end is found', () => {
    assert.equal(formatProblem(pe(), windows), undefined);
    assert.match(formatProblem(putLittle(pe(), 88 + 112 + 32, 1), windows) ?? '', /signature of its runtime/);
    assert.match(formatProblem(putLittle(pe(), 88 + 68, 2), windows) ?? '', /no program for a console/);
    assert.match(formatProblem(pe().subarray(0, 500), windows) ?? '', /ends behind the file/);
    assert.match(formatProblem(putLittle(pe(), 68, 0x14c), windows) ?? '', /another processor/);
    assert.match(formatProblem(elf(), windows) ?? '', /no PE file/);
  });
});

function elf(): Buffer {
  const file = Buffer.alloc(200);
  file.write('\x7fELF\x02', 'latin1');
  file.writeUInt16LE(62, 18);
  file.writeBigUInt64LE(64n, 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(1, 56);
  file.writeUInt32LE(1, 64);
  file.writeBigUInt64LE(200n, 64 + 32);
  return file;
}

function pe(): Buffer {
  const file = Buffer.alloc(512);
  file.write('MZ', 'latin1');
  file.writeUInt32LE(64, 60);
  file.write('PE\0\0', 64, 'latin1');
  file.writeUInt16LE(0x8664, 68);
  file.writeUInt16LE(1, 70);
  file.writeUInt16LE(240, 84);
  file.writeUInt16LE(0x20b, 88);
  file.writeUInt16LE(3, 88 + 68);
  file.writeUInt32LE(112, 88 + 240 + 16);
  file.writeUInt32LE(400, 88 + 240 + 20);
  return file;
}

function put(file: Buffer, at: number, value: number): Buffer {
  file.writeUInt32BE(value, at);
  return file;
}

function putLittle(file: Buffer, at: number, value: number): Buffer {
  file.writeUInt32LE(value, at);
  return file;
}
