/** Settings of `elf`. */
interface ElfForm {
  readonly machine: number;
  /** The needed libraries. */
  readonly needed?: readonly string[];
}

/** Makes a 64-bit ELF library with a dynamic section. */
export function elf({ machine, needed = [] }: ElfForm): Buffer {
  const strings = Buffer.from(`\0${needed.map((name) => `${name}\0`).join('')}`);
  const [tableAt, dynamicAt] = [64, 64 + 2 * 56];
  const entries = needed.length + 2;
  const stringsAt = dynamicAt + entries * 16;
  const file = Buffer.alloc(stringsAt + strings.byteLength);
  Buffer.from('7f454c460201010000', 'hex').copy(file);
  file.writeUInt16LE(3, 16);
  file.writeUInt16LE(machine, 18);
  file.writeBigUInt64LE(BigInt(tableAt), 32);
  file.writeUInt16LE(56, 54);
  file.writeUInt16LE(2, 56);
  const base = 0x10000;
  writeSegment(file, tableAt, { type: 1, offset: 0, address: base, size: file.byteLength });
  writeSegment(file, tableAt + 56, {
    type: 2,
    offset: dynamicAt,
    address: base + dynamicAt,
    size: entries * 16,
  });
  let at = dynamicAt;
  const put = (tag: number, value: number): void => {
    file.writeBigInt64LE(BigInt(tag), at);
    file.writeBigUInt64LE(BigInt(value), at + 8);
    at += 16;
  };
  let offset = 1;
  for (const name of needed) {
    put(1, offset);
    offset += name.length + 1;
  }
  put(5, base + stringsAt);
  put(0, 0);
  strings.copy(file, stringsAt);
  return file;
}

interface SegmentForm {
  readonly type: number;
  readonly offset: number;
  readonly address: number;
  readonly size: number;
}

function writeSegment(file: Buffer, at: number, { type, offset, address, size }: SegmentForm): void {
  file.writeUInt32LE(type, at);
  file.writeBigUInt64LE(BigInt(offset), at + 8);
  file.writeBigUInt64LE(BigInt(address), at + 16);
  file.writeBigUInt64LE(BigInt(size), at + 32);
}

/** Makes the header of a file of macOS. */
export function machO(cpu: number): Buffer {
  const file = Buffer.alloc(64);
  file.writeUInt32LE(0xfeedfacf, 0);
  file.writeUInt32LE(cpu, 4);
  return file;
}

/** Makes the header of a file of macOS for several CPUs. */
export function universal(...cpus: readonly number[]): Buffer {
  const file = Buffer.alloc(128);
  file.writeUInt32BE(0xcafebabe, 0);
  file.writeUInt32BE(cpus.length, 4);
  for (const [at, cpu] of cpus.entries()) file.writeUInt32BE(cpu, 8 + at * 20);
  return file;
}

/** Makes the header of a file of Windows. */
export function pe(machine: number): Buffer {
  const file = Buffer.alloc(128);
  file.write('MZ', 0);
  file.writeUInt32LE(64, 60);
  file.write('PE\0\0', 64);
  file.writeUInt16LE(machine, 68);
  return file;
}
