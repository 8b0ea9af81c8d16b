/** A machine that an executable file of gantry is made for. */
export interface Platform {
  /** `linux-x64`: the end of the file's name, and of its npm package. */
  readonly name: string;
  /** The values of `process.platform` and `process.arch` there, which npm compares. */
  readonly os: 'linux' | 'darwin' | 'win32';
  readonly cpu: 'x64' | 'arm64';
  /** The npm package with the runtime, and the file in it. */
  readonly runtime: string;
  readonly runtimeFile: string;
  /** The form of the file's name there. */
  readonly fileName: string;
  /** The description of the file by the program `file`. */
  readonly description: RegExp;
}

export const platforms: readonly Platform[] = [
  {
    name: 'linux-x64',
    os: 'linux',
    cpu: 'x64',
    runtime: '@oven/bun-linux-x64',
    runtimeFile: 'bin/bun',
    fileName: 'gantry',
    description: /^ELF 64-bit LSB .*executable, x86-64,/,
  },
  {
    name: 'linux-arm64',
    os: 'linux',
    cpu: 'arm64',
    runtime: '@oven/bun-linux-aarch64',
    runtimeFile: 'bin/bun',
    fileName: 'gantry',
    description: /^ELF 64-bit LSB .*executable, ARM aarch64,/,
  },
  {
    name: 'darwin-arm64',
    os: 'darwin',
    cpu: 'arm64',
    runtime: '@oven/bun-darwin-aarch64',
    runtimeFile: 'bin/bun',
    fileName: 'gantry',
    description: /^Mach-O 64-bit arm64 executable,/,
  },
  {
    name: 'darwin-x64',
    os: 'darwin',
    cpu: 'x64',
    runtime: '@oven/bun-darwin-x64',
    runtimeFile: 'bin/bun',
    fileName: 'gantry',
    description: /^Mach-O 64-bit x86_64 executable,/,
  },
  {
    name: 'windows-x64',
    os: 'win32',
    cpu: 'x64',
    runtime: '@oven/bun-windows-x64',
    runtimeFile: 'bin/bun.exe',
    fileName: 'gantry.exe',
    description: /^PE32\+ executable \(console\) x86-64/,
  },
];

/** Returns the platform of this machine, if there is an executable file for it. */
export function platformHere(): Platform | undefined {
  return platforms.find(({ os, cpu }) => os === process.platform && cpu === process.arch);
}
