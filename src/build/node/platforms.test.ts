import assert from 'node:assert/strict';
import { it } from 'node:test';
import { parsePlatform } from '../../spec/platform.ts';
import type { LibC } from '../native/object-file.ts';
import { isMadeFor } from './platforms.ts';

for (const [fields, platform, libc, expected] of [
  [{}, 'linux/amd64', undefined, true],
  [{ os: ['linux'], cpu: ['x64'] }, 'linux/amd64', undefined, true],
  [{ os: ['linux'], cpu: ['x64'] }, 'linux/arm64', undefined, false],
  [{ os: ['darwin', 'linux'] }, 'linux/arm64', undefined, true],
  [{ os: ['!win32'] }, 'linux/arm64', undefined, true],
  [{ os: ['!linux'] }, 'linux/arm64', undefined, false],
  [{ os: ['!win32'], cpu: ['!arm64'] }, 'linux/arm64', undefined, false],
  // npm lets an exclusion win over an inclusion.
  [{ os: ['linux', '!linux'] }, 'linux/amd64', undefined, false],
  [{ os: ['any'], cpu: ['any'] }, 'linux/s390x', undefined, true],
  [{ cpu: ['ia32'] }, 'linux/386', undefined, true],
  [{ libc: ['musl'] }, 'linux/amd64', 'musl', true],
  [{ libc: ['musl'] }, 'linux/amd64', 'glibc', false],
  [{ libc: ['musl'] }, 'linux/amd64', undefined, true],
] as const satisfies readonly (readonly [object, string, LibC | undefined, boolean])[]) {
  it(`A package with ${JSON.stringify(fields)} is ${expected ? '' : 'not '}made for ${platform}${libc === undefined ? '' : ` with ${libc}`}.`, () => {
    const lists = { bin: [], dependencies: [], optionalDependencies: [], peerDependencies: [] };
    const manifest = { ...lists, os: [], cpu: [], libc: [], ...fields };
    assert.equal(isMadeFor(manifest, { platform: parsePlatform(platform), libc }), expected);
  });
}
