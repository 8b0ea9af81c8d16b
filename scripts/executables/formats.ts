import { signatureProblem } from './mach-o.ts';
import type { Platform } from './platforms.ts';

/** Returns the problem of an executable file for the platform, or undefined. */
export function formatProblem(file: Buffer, { os, cpu }: Pick<Platform, 'os' | 'cpu'>): string | undefined {
  if (os === 'linux') return elfProblem(file, cpu);
  return os === 'darwin' ? machOProblem(file, cpu) : peProblem(file);
}

const elfMachines = { x64: 62, arm64: 183 } as const;
/** The kind of the segments that the system maps into memory. */
const elfLoad = 1;

function elfProblem(file: Buffer, cpu: Platform['cpu']): string | undefined {
  if (file.length < 64 || file.toString('latin1', 0, 4) !== '\x7fELF') return 'this is no ELF file';
  if (file[4] !== 2) return 'this is no 64-bit ELF file';
  if (file.readUInt16LE(18) !== elfMachines[cpu]) return 'the ELF file is for another processor';
  const [table, size, count] = [
    Number(file.readBigUInt64LE(32)),
    file.readUInt16LE(54),
    file.readUInt16LE(56),
  ];
  if (table + size * count > file.length) return 'the ELF file is truncated';
  let loaded = 0;
  for (let at = table; at < table + size * count; at += size) {
    if (file.readUInt32LE(at) !== elfLoad) continue;
    loaded++;
    const end = Number(file.readBigUInt64LE(at + 8)) + Number(file.readBigUInt64LE(at + 32));
    if (end > file.length) return 'a segment of the ELF file ends behind the file';
  }
  return loaded === 0 ? 'the ELF file loads nothing' : undefined;
}

const machOProcessors = { x64: 0x01000007, arm64: 0x0100000c } as const;

function machOProblem(file: Buffer, cpu: Platform['cpu']): string | undefined {
  if (file.length < 32 || file.readUInt32LE(0) !== 0xfeedfacf) return 'this is no 64-bit Mach-O file';
  if (file.readUInt32LE(4) !== machOProcessors[cpu]) return 'the Mach-O file is for another processor';
  return signatureProblem(file);
}

const peConsole = 3;

function peProblem(file: Buffer): string | undefined {
  if (file.length < 64 || file.toString('latin1', 0, 2) !== 'MZ') return 'this is no PE file';
  const head = file.readUInt32LE(60);
  if (head + 264 > file.length || file.toString('latin1', head, head + 4) !== 'PE\0\0') {
    return 'this is no PE file';
  }
  if (file.readUInt16LE(head + 4) !== 0x8664) return 'the PE file is for another processor';
  const optional = head + 24;
  if (file.readUInt16LE(optional) !== 0x20b) return 'this is no 64-bit PE file';
  if (file.readUInt16LE(optional + 68) !== peConsole) return 'the PE file is no program for a console';
  // The fifth entry. The maker of the runtime signs it, and the signature does not cover the code of gantry.
  if (file.readUInt32LE(optional + 112 + 4 * 8) !== 0) return 'the PE file has the signature of its runtime';
  const sections = optional + file.readUInt16LE(head + 20);
  for (let section = 0; section < file.readUInt16LE(head + 6); section++) {
    const at = sections + section * 40;
    if (at + 40 > file.length || file.readUInt32LE(at + 16) + file.readUInt32LE(at + 20) > file.length) {
      return 'a section of the PE file ends behind the file';
    }
  }
  return undefined;
}
