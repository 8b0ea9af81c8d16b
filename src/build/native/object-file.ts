/** The C library that a file for Linux is linked with. */
export type LibC = 'glibc' | 'musl';

/** The systems that a compiled file runs on, by the names of platforms of images. */
export interface ObjectFile {
  readonly form: 'ELF' | 'Mach-O' | 'PE';
  readonly os: string;
  /** Several for a universal file of macOS. */
  readonly architectures: readonly string[];
  /** Undefined for a file that is linked with none, and for other systems. */
  readonly libc?: LibC | undefined;
}

/** Returns bytes of a file; fewer at its end. */
export type ReadBytes = (at: number, length: number) => Uint8Array;

/** Reads the header of a compiled file; undefined for any other file. */
export function readObjectFile(read: ReadBytes): ObjectFile | undefined {
  const start = viewOf(read(0, 64));
  if (start.byteLength < 20) return undefined;
  switch (start.getUint32(0)) {
    case 0x7f454c46:
      return elfFile(start, read);
    case 0xfeedface:
    case 0xfeedfacf:
      return machO([start.getUint32(4)]);
    case 0xcefaedfe:
    case 0xcffaedfe:
      return machO([start.getUint32(4, true)]);
    case 0xcafebabe:
    case 0xcafebabf:
      return universal(start, read);
    default:
      return start.getUint16(0) === 0x4d5a ? peFile(start, read) : undefined;
  }
}

function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** @see https://refspecs.linuxfoundation.org/elf/gabi4+/ch4.eheader.html */
const elfMachines: ReadonlyMap<number, string> = new Map([
  [3, '386'],
  [8, 'mips'],
  [20, 'ppc'],
  [21, 'ppc64'],
  [22, 's390x'],
  [40, 'arm'],
  [62, 'amd64'],
  [183, 'arm64'],
  [243, 'riscv64'],
  [258, 'loong64'],
]);

function elfFile(start: DataView, read: ReadBytes): ObjectFile {
  const isLittle = start.getUint8(5) === 1;
  const machine = start.getUint16(18, isLittle);
  const name = elfMachines.get(machine) ?? `machine ${machine}`;
  const os = start.getUint8(7) === 9 ? 'freebsd' : 'linux';
  const architectures = [name === 'ppc64' && isLittle ? 'ppc64le' : name];
  const libc = start.getUint8(4) === 2 && start.byteLength === 64 ? libcOf(start, isLittle, read) : undefined;
  return { form: 'ELF', os, architectures, libc };
}

interface Segment {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

/** More segments or libraries than any addon has, so that a forged file costs little. */
const maxParts = 4096;

/** Finds the C library among the libraries that a 64-bit file needs. */
function libcOf(start: DataView, isLittle: boolean, read: ReadBytes): LibC | undefined {
  const count = Math.min(start.getUint16(56, isLittle), maxParts);
  const table = viewOf(read(Number(start.getBigUint64(32, isLittle)), count * 56));
  const segments: Segment[] = [];
  for (let at = 0; at + 56 <= table.byteLength; at += 56) {
    const long = (offset: number): number => Number(table.getBigUint64(at + offset, isLittle));
    const type = table.getUint32(at, isLittle);
    segments.push({ type, offset: long(8), address: long(16), size: long(32) });
  }
  const dynamic = segments.find(({ type }) => type === 2);
  if (dynamic === undefined) return undefined;
  const entries = viewOf(read(dynamic.offset, Math.min(dynamic.size, maxParts * 16)));
  const needed: number[] = [];
  let strings = 0;
  for (let at = 0; at + 16 <= entries.byteLength; at += 16) {
    const tag = Number(entries.getBigInt64(at, isLittle));
    const value = Number(entries.getBigUint64(at + 8, isLittle));
    if (tag === 0) break;
    if (tag === 1) needed.push(value);
    if (tag === 5) strings = value;
  }
  const home = segments.find(
    ({ type, address, size }) => type === 1 && strings >= address && strings < address + size,
  );
  if (home === undefined) return undefined;
  const offset = home.offset + strings - home.address;
  for (const at of needed) {
    const name = textOf(read(offset + at, 64));
    if (name === 'libc.so.6') return 'glibc';
    if (name === 'libc.so' || name.startsWith('libc.musl-')) return 'musl';
  }
  return undefined;
}

function textOf(bytes: Uint8Array): string {
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(end < 0 ? bytes : bytes.subarray(0, end));
}

/** @see https://github.com/apple-oss-distributions/xnu/blob/main/osfmk/mach/machine.h */
const cpuTypes: ReadonlyMap<number, string> = new Map([
  [7, '386'],
  [0x01000007, 'amd64'],
  [0x0100000c, 'arm64'],
]);

function machO(types: readonly number[]): ObjectFile {
  return {
    form: 'Mach-O',
    os: 'darwin',
    architectures: types.map((type) => cpuTypes.get(type) ?? `CPU ${type}`),
  };
}

/** A universal file begins like a class of Java, which has a larger number in the place of the count. */
function universal(start: DataView, read: ReadBytes): ObjectFile | undefined {
  const count = start.getUint32(4);
  if (count === 0 || count > 20) return undefined;
  const step = start.getUint32(0) === 0xcafebabf ? 32 : 20;
  const table = viewOf(read(8, count * step));
  const types: number[] = [];
  for (let at = 0; at + step <= table.byteLength; at += step) types.push(table.getUint32(at));
  return machO(types);
}

/** @see https://learn.microsoft.com/windows/win32/debug/pe-format#machine-types */
const peMachines: ReadonlyMap<number, string> = new Map([
  [0x014c, '386'],
  [0x8664, 'amd64'],
  [0xaa64, 'arm64'],
]);

function peFile(start: DataView, read: ReadBytes): ObjectFile | undefined {
  if (start.byteLength < 64) return undefined;
  const header = viewOf(read(start.getUint32(60, true), 6));
  if (header.byteLength < 6 || header.getUint32(0) !== 0x50450000) return undefined;
  const machine = header.getUint16(4, true);
  const name = peMachines.get(machine) ?? `machine ${machine}`;
  return { form: 'PE', os: 'windows', architectures: [name] };
}
