import { createHash } from 'node:crypto';

/**
 * The signature of a Mach-O file. Macs with Apple's processors run no file without one, and kill a program whose pages
 * differ from it. Adding code to a runtime breaks the signature of its maker. An ad-hoc signature names no signer; it
 * only has the hash of each page.
 * @see https://developer.apple.com/documentation/technotes/tn3126-inside-code-signing-hashes
 */

const magic = 0xfeedfacf;
const loadSegment = 0x19;
const loadCodeSignature = 0x1d;
const superBlob = 0xfade0cc0;
const codeDirectory = 0xfade0c02;
/** The form of the code directory with the place of the executable segment. */
const version = 0x20400;
const adHoc = 0x2;
/** Compilers set it in signatures of their own, which `codesign` may then replace. */
const linkerSigned = 0x20000;
/** A file with the hardened runtime needs entitlements for its compiler of JavaScript. */
const hardenedRuntime = 0x10000;
const mainBinary = 1;
const sha256 = 2;
const hashSize = 32;
const headerSize = 88;
const pageBits = 12;
const pageSize = 2 ** pageBits;
/** Bytes. The largest page of a Mac. */
const segmentAlignment = 0x4000;

interface Layout {
  /** The offsets of the load commands in the file. */
  readonly signatureCommand: number;
  readonly linkeditCommand: number;
  /** The place of the code in the file. */
  readonly text: { readonly offset: number; readonly size: number };
  readonly signature: { readonly offset: number; readonly size: number };
}

function layoutOf(file: Buffer): Layout {
  if (file.length < 32 || file.readUInt32LE(0) !== magic) throw new Error('this is no 64-bit Mach-O file');
  let signatureCommand: number | undefined;
  const segments = new Map<string, number>();
  let at = 32;
  for (let left = file.readUInt32LE(16); left > 0; left--) {
    const command = file.readUInt32LE(at);
    if (command === loadCodeSignature) signatureCommand = at;
    if (command === loadSegment) segments.set(nameAt(file, at + 8, 16), at);
    at += file.readUInt32LE(at + 4);
  }
  const [text, linkeditCommand] = [segments.get('__TEXT'), segments.get('__LINKEDIT')];
  if (signatureCommand === undefined || text === undefined || linkeditCommand === undefined) {
    throw new Error('the Mach-O file has no place for a signature');
  }
  return {
    signatureCommand,
    linkeditCommand,
    text: { offset: numberAt(file, text + 40), size: numberAt(file, text + 48) },
    signature: {
      offset: file.readUInt32LE(signatureCommand + 8),
      size: file.readUInt32LE(signatureCommand + 12),
    },
  };
}

/** Returns the problem of the signature, or undefined when each page has its hash and no signer is named. */
export function signatureProblem(file: Buffer): string | undefined {
  const { signature } = layoutOf(file);
  const { offset, size } = signature;
  if (offset + size !== file.length) return 'the signature is not the end of the file';
  if (file.readUInt32BE(offset) !== superBlob) return 'there is no signature';
  const directory = offset + file.readUInt32BE(offset + 16);
  if (file.readUInt32BE(directory) !== codeDirectory) return 'the signature has no code directory';
  const flags = file.readUInt32BE(directory + 12);
  if ((flags & adHoc) === 0) return 'the signature names a signer, whose key is not here';
  if ((flags & hardenedRuntime) !== 0) return 'the hardened runtime forbids compiling';
  if (file.readUInt32BE(directory + 32) !== offset) return 'the signature covers another length';
  if (file[directory + 36] !== hashSize || file[directory + 37] !== sha256)
    return 'the hashes are not SHA-256';
  const page = 2 ** (file[directory + 39] ?? 0);
  const hashes = directory + file.readUInt32BE(directory + 16);
  if (file.readUInt32BE(directory + 28) !== Math.ceil(offset / page)) return 'pages lack a hash';
  for (let start = 0, at = hashes; start < offset; start += page, at += hashSize) {
    const expected = file.subarray(at, at + hashSize);
    if (!hashOf(file.subarray(start, Math.min(start + page, offset))).equals(expected)) {
      return `the page at byte ${start} differs from its hash`;
    }
  }
  return undefined;
}

/** Returns the file with an ad-hoc signature in place of its signature. */
export function signAdHoc(file: Buffer, identifier: string): Buffer {
  const { signatureCommand, linkeditCommand, text, signature } = layoutOf(file);
  const limit = signature.offset;
  const pages = Math.ceil(limit / pageSize);
  const hashOffset = headerSize + identifier.length + 1;
  const length = hashOffset + pages * hashSize;
  const size = Math.ceil((20 + length) / 16) * 16;
  const code = Buffer.from(file.subarray(0, limit));
  code.writeUInt32LE(size, signatureCommand + 12);
  const linkeditSize = limit + size - numberAt(code, linkeditCommand + 40);
  const memory = Math.ceil(linkeditSize / segmentAlignment) * segmentAlignment;
  code.writeBigUInt64LE(BigInt(memory), linkeditCommand + 32);
  code.writeBigUInt64LE(BigInt(linkeditSize), linkeditCommand + 48);

  const signed = Buffer.alloc(size);
  // One part, which begins after this head: magic, length, count; kind and offset of the part.
  for (const [at, value] of [superBlob, 20 + length, 1, 0, 20].entries()) signed.writeUInt32BE(value, at * 4);
  const directory = signed.subarray(20, 20 + length);
  const head = [
    codeDirectory,
    length,
    version,
    adHoc | linkerSigned,
    hashOffset,
    headerSize,
    0,
    pages,
    limit,
  ];
  for (const [at, value] of head.entries()) directory.writeUInt32BE(value, at * 4);
  directory.set([hashSize, sha256, 0, pageBits], 36);
  directory.writeBigUInt64BE(BigInt(text.offset), 64);
  directory.writeBigUInt64BE(BigInt(text.size), 72);
  directory.writeBigUInt64BE(BigInt(mainBinary), 80);
  directory.write(identifier, headerSize, 'latin1');
  for (let page = 0; page < pages; page++) {
    const bytes = code.subarray(page * pageSize, Math.min((page + 1) * pageSize, limit));
    directory.set(hashOf(bytes), hashOffset + page * hashSize);
  }
  return Buffer.concat([code, signed]);
}

function hashOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest();
}

function nameAt(file: Buffer, at: number, length: number): string {
  return file.toString('latin1', at, at + length).replace(/\0.*$/s, '');
}

function numberAt(file: Buffer, at: number): number {
  return Number(file.readBigUInt64LE(at));
}
