import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { MediaType } from './media-type.ts';
import {
  type Candidate,
  defaultPlatform,
  formatPlatform,
  hostPlatform,
  isAttestation,
  matchesPlatform,
  type Platform,
  parsePlatform,
  selectPlatform,
} from './platform.ts';

describe('parsePlatform', () => {
  const good: readonly (readonly [text: string, platform: Platform])[] = [
    ['linux/amd64', { os: 'linux', architecture: 'amd64' }],
    ['linux/arm64/v8', { os: 'linux', architecture: 'arm64', variant: 'v8' }],
    [
      'windows/amd64:10.0.20348.2113',
      { os: 'windows', architecture: 'amd64', 'os.version': '10.0.20348.2113' },
    ],
    ['linux/arm/v7:1', { os: 'linux', architecture: 'arm', variant: 'v7', 'os.version': '1' }],
  ];
  for (const [text, platform] of good) {
    test(`parsePlatform reads ${text} and formatPlatform writes it again`, () => {
      assert.deepEqual(parsePlatform(text), platform);
      assert.equal(formatPlatform(platform), text);
    });
  }

  const bad = [
    '',
    'linux',
    'all',
    '/amd64',
    'linux/',
    'linux/a/b/c',
    'linux/a/',
    'linux/a:',
    'linux /a',
    'a/b\n',
  ];
  for (const text of [...bad, 'linux/amd64,linux/arm64', `linux/${'é'.repeat(200)}`]) {
    test(`parsePlatform refuses ${JSON.stringify(text.slice(0, 30))}`, () => {
      assert.throws(() => parsePlatform(text), { code: 'INVALID_OPTION' });
    });
  }

  test('parsePlatform refuses any text that formatPlatform does not write back unchanged', () => {
    const part = fc.stringMatching(/^[a-zA-Z0-9._:/-]{0,8}$/);
    fc.assert(
      fc.property(fc.array(part), (parts) => {
        const text = parts.join('/');
        try {
          assert.equal(formatPlatform(parsePlatform(text)), text);
        } catch (error) {
          assert.equal(error instanceof Error && 'code' in error && error.code, 'INVALID_OPTION');
        }
      }),
    );
  });
});

describe('hostPlatform', () => {
  const rows = [
    ['linux', 'x64', 'linux/amd64'],
    ['win32', 'ia32', 'windows/386'],
    ['darwin', 'arm64', 'darwin/arm64'],
    ['linux', 'arm', 'linux/arm/v7'],
    ['linux', 'ppc64', 'linux/ppc64le'],
    ['linux', 'riscv64', 'linux/riscv64'],
  ] as const;
  for (const [os, arch, platform] of rows) {
    test(`hostPlatform names ${os} on ${arch} ${platform}`, () => {
      assert.equal(formatPlatform(hostPlatform({ os, arch })), platform);
    });
  }
});

describe('matchesPlatform', () => {
  const rows: readonly (readonly [have: string, wanted: string, serves: boolean])[] = [
    ['linux/amd64', 'linux/amd64', true],
    ['linux/amd64', 'linux/arm64', false],
    ['windows/amd64', 'linux/amd64', false],
    ['LINUX/x86_64', 'linux/amd64', true],
    ['linux/x86-64', 'linux/amd64/v1', true],
    ['linux/i686', 'linux/386', true],
    ['linux/aarch64', 'linux/arm64/v8', true],
    ['linux/arm64/v8', 'linux/arm64', true],
    ['linux/arm64/8', 'linux/arm64', true],
    ['darwin/arm64', 'macos/arm64', true],
    ['linux/arm', 'linux/arm/v7', true],
    ['linux/armhf', 'linux/arm/v7', true],
    ['linux/armel', 'linux/arm/v6', true],
    ['linux/arm/v6', 'linux/arm/v7', true],
    ['linux/arm/v7', 'linux/arm/v6', false],
    ['linux/arm/v7', 'linux/arm64', false],
    ['linux/amd64', 'linux/amd64/v3', true],
    ['linux/amd64/v2', 'linux/amd64/v3', true],
    ['linux/amd64/v4', 'linux/amd64/v3', false],
    ['linux/amd64/v2', 'linux/amd64/v1', false],
    ['linux/amd64/v2', 'linux/amd64', true],
    ['linux/arm64/v8.1', 'linux/arm64/v9', true],
    ['linux/ppc64le/power9', 'linux/ppc64le/power10', true],
    ['linux/mips/hard', 'linux/mips/soft', false],
    ['windows/amd64:10.0.20348.1', 'windows/amd64:10.0.20348.2113', true],
    ['windows/amd64:10.0.17763.1', 'windows/amd64:10.0.20348.2113', false],
    ['windows/amd64', 'windows/amd64:10.0.20348', true],
    ['windows/amd64:10.0.20348.1', 'windows/amd64', true],
    ['linux/amd64:1', 'linux/amd64:2', false],
    ['linux/amd64', 'linux/amd64:2', false],
  ];
  for (const [have, wanted, serves] of rows) {
    test(`an image for ${have} ${serves ? 'matches' : 'does not match'} ${wanted}`, () => {
      assert.equal(matchesPlatform(parsePlatform(have), parsePlatform(wanted)), serves);
    });
  }

  test('an image matches only if the named features of the system include those that it needs', () => {
    const plain = parsePlatform('windows/amd64');
    const needy: Platform = { ...plain, 'os.features': ['win32k'] };
    assert.equal(matchesPlatform(needy, plain), true);
    assert.equal(matchesPlatform(needy, { ...plain, 'os.features': [] }), false);
    assert.equal(matchesPlatform(needy, { ...plain, 'os.features': ['win32k'] }), true);
    assert.equal(matchesPlatform(plain, { ...plain, 'os.features': ['win32k'] }), true);
  });
});

describe('selectPlatform', () => {
  const attestation = {
    ...child('unknown/unknown'),
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  };
  const unsaid: Candidate = { mediaType: MediaType.ociManifest };
  const rows: readonly (readonly [
    name: string,
    candidates: readonly Candidate[],
    wanted: Platform,
    picked: number | undefined,
  ])[] = [
    ['picks the matching child', [child('linux/arm64'), child('linux/amd64')], defaultPlatform, 1],
    ['picks the first of equal children', [child('linux/arm64'), child('linux/arm64/v8')], arm64(), 0],
    ['picks nothing from nothing', [], defaultPlatform, undefined],
    ['picks nothing that does not match', [child('linux/arm64')], defaultPlatform, undefined],
    [
      'picks the closest variant below',
      [child('linux/arm/v5'), child('linux/arm/v6'), child('linux/arm/v8')],
      parsePlatform('linux/arm/v7'),
      1,
    ],
    [
      'treats no variant as the default variant of the architecture',
      [child('linux/arm/v6'), child('linux/arm/v7')],
      parsePlatform('linux/arm'),
      1,
    ],
    [
      'prefers the oldest variant when none is requested',
      [child('linux/amd64/v3'), child('linux/amd64')],
      defaultPlatform,
      1,
    ],
    ['picks a newer variant when no other exists', [child('linux/amd64/v3')], defaultPlatform, 0],
    [
      'picks the best variant for an amd64',
      [child('linux/amd64'), child('linux/amd64/v3'), child('linux/amd64/v2'), child('linux/amd64/v4')],
      parsePlatform('linux/amd64/v3'),
      1,
    ],
    [
      'picks the highest revision of a Windows build',
      [
        child('windows/amd64'),
        child('windows/amd64:10.0.17763.9000'),
        child('windows/amd64:10.0.20348.100'),
        child('windows/amd64:10.0.20348.2000'),
        child('windows/amd64:10.0.20348.300'),
      ],
      parsePlatform('windows/amd64:10.0.20348'),
      3,
    ],
    [
      'picks the first Windows when no version is requested',
      [child('windows/amd64:10.0.17763.1'), child('windows/amd64:10.0.20348.1')],
      parsePlatform('windows/amd64'),
      0,
    ],
    ['picks the only image although it names no platform', [unsaid], arm64(), 0],
    ['picks the only image beside attestations too', [attestation, unsaid], arm64(), 1],
    [
      'treats an empty platform as none',
      [{ ...unsaid, platform: { os: '', architecture: '' } }],
      defaultPlatform,
      0,
    ],
    ['picks none of two images without a platform', [unsaid, unsaid], defaultPlatform, undefined],
    [
      'skips an image without a platform when another matches',
      [unsaid, child('linux/amd64')],
      defaultPlatform,
      1,
    ],
    ['never picks an attestation', [attestation], parsePlatform('unknown/unknown'), undefined],
    [
      'never picks an attestation that claims a platform',
      [{ ...attestation, platform: defaultPlatform }],
      defaultPlatform,
      undefined,
    ],
    ['never picks unknown/unknown', [child('unknown/unknown')], parsePlatform('unknown/unknown'), undefined],
    [
      'never picks an artifact',
      [{ ...child('linux/amd64'), artifactType: 'application/spdx+json' }, child('linux/amd64')],
      defaultPlatform,
      1,
    ],
    [
      'picks an image whose artifactType is that of a config',
      [{ ...child('linux/amd64'), artifactType: MediaType.ociConfig }],
      defaultPlatform,
      0,
    ],
    ['never picks a blob', [{ mediaType: MediaType.ociLayer }], defaultPlatform, undefined],
    [
      'picks an index in an index',
      [{ ...child('linux/amd64'), mediaType: MediaType.ociIndex }],
      defaultPlatform,
      0,
    ],
  ];
  for (const [name, candidates, wanted, picked] of rows) {
    test(`selectPlatform ${name}`, () => {
      const expected = picked === undefined ? undefined : candidates[picked];
      assert.equal(selectPlatform(candidates, wanted), expected);
    });
  }

  test('selectPlatform picks linux/amd64 by default', () => {
    const amd64 = child('linux/amd64');
    assert.equal(selectPlatform([child('linux/arm64'), amd64]), amd64);
  });

  test('isAttestation recognises an attestation by its annotation', () => {
    assert.equal(isAttestation(attestation), true);
    assert.equal(isAttestation(child('unknown/unknown')), false);
  });

  test('selectPlatform picks a match whenever one exists', () => {
    const platform = fc.record({
      os: fc.constantFrom('linux', 'windows', 'Linux'),
      architecture: fc.constantFrom('amd64', 'arm64', 'aarch64', 'arm'),
      variant: fc.constantFrom('', 'v1', 'v6', 'v7', 'v8', '9'),
      'os.version': fc.constantFrom('', '10.0.1.2', '10.0.1.3', '10.0.2'),
    });
    fc.assert(
      fc.property(fc.array(platform, { minLength: 2 }), platform, (haves, wanted) => {
        const picked = selectPlatform(
          haves.map((have) => ({ mediaType: MediaType.ociManifest, platform: have })),
          wanted,
        );
        assert.equal(
          picked !== undefined,
          haves.some((have) => matchesPlatform(have, wanted)),
        );
        if (picked !== undefined) assert.equal(matchesPlatform(picked.platform, wanted), true);
      }),
    );
  });
});

function child(platform: string): Candidate & { readonly platform: Platform } {
  return { mediaType: MediaType.ociManifest, platform: parsePlatform(platform) };
}

function arm64(): Platform {
  return parsePlatform('linux/arm64');
}
