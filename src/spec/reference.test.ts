import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { secret, withoutSecrets } from '../../test/secret.ts';
import { isGantryError } from '../errors.ts';
import { parseDigest } from './digest.ts';
import {
  apiHost,
  formatReference,
  formatRepository,
  isLoopback,
  isRepositoryName,
  isTag,
  parseReference,
  parseRegistry,
  parseRepository,
  type Reference,
  type ReferenceOptions,
} from './reference.ts';

const sha256 = parseDigest(`sha256:${'ab'.repeat(32)}`);
const sha512 = parseDigest(`sha512:${'cd'.repeat(64)}`);

describe('parseReference', () => {
  const good: readonly (readonly [name: string, text: string, reference: Reference])[] = [
    ['an official image', 'ubuntu', hub('library/ubuntu', { tag: 'latest' })],
    ['an official image with its namespace', 'library/ubuntu:24.04', hub('library/ubuntu', { tag: '24.04' })],
    ['a name on Docker Hub', 'acme/app', hub('acme/app', { tag: 'latest' })],
    ['a long name on Docker Hub', 'a/b/c/d', hub('a/b/c/d', { tag: 'latest' })],
    // id: docker-hub-aliases
    ['Docker Hub by name', 'docker.io/ubuntu', hub('library/ubuntu', { tag: 'latest' })],
    ['Docker Hub by its old name', 'index.docker.io/acme/app:1', hub('acme/app', { tag: '1' })],
    ['Docker Hub by its host', 'registry-1.docker.io/ubuntu:1', hub('library/ubuntu', { tag: '1' })],
    ['Docker Hub in upper case', 'Docker.IO/ubuntu:1', hub('library/ubuntu', { tag: '1' })],
    ['a registry', 'ghcr.io/acme/app:1', on('ghcr.io', 'acme/app', { tag: '1' })],
    ['a registry with a port', 'reg.io:5000/app', on('reg.io:5000', 'app', { tag: 'latest' })],
    ['a port with zeros before it', 'reg.io:0443/app:1', on('reg.io:443', 'app', { tag: '1' })],
    ['a host known by its port', 'box:5000/app:1', on('box:5000', 'app', { tag: '1' })],
    ['localhost', 'localhost/app:1', on('localhost', 'app', { tag: '1' })],
    ['a host known by its upper case', 'Box/app:1', on('box:443', 'app', { tag: '1' })],
    ['an IPv4 address', '127.0.0.1:5000/a/b:1', on('127.0.0.1:5000', 'a/b', { tag: '1' })],
    ['an IPv4 address in short', '127.1:5000/app:1', on('127.0.0.1:5000', 'app', { tag: '1' })],
    ['an IPv6 address', '[2001:db8::1]:5000/app:1', on('[2001:db8::1]:5000', 'app', { tag: '1' })],
    ['an IPv6 address without a port', '[::1]/app:1', on('[::1]', 'app', { tag: '1' })],
    ['an IPv6 address at length', '[2001:DB8:0::0:1]/app:1', on('[2001:db8::1]', 'app', { tag: '1' })],
    ['punycode', 'xn--n3h.com/app:xn--n3h', on('xn--n3h.com', 'app', { tag: 'xn--n3h' })],
    ['a host-like name without a path', 'test.com:5000', hub('library/test.com', { tag: '5000' })],
    ['localhost without a path', 'localhost:5000', hub('library/localhost', { tag: '5000' })],
    ['every separator in a name', 'x/a.b_c__d-e---f:1', hub('x/a.b_c__d-e---f', { tag: '1' })],
    ['a tag in upper case', 'app:V1_x.Y-z', hub('library/app', { tag: 'V1_x.Y-z' })],
    ['a tag of 128 characters', `app:${'t'.repeat(128)}`, hub('library/app', { tag: 't'.repeat(128) })],
    ['a digest', `ghcr.io/app@${sha256}`, on('ghcr.io', 'app', { digest: sha256 })],
    ['a sha512', `ghcr.io/app@${sha512}`, on('ghcr.io', 'app', { digest: sha512 })],
    ['a tag and a digest', `reg:5000/app:1@${sha256}`, on('reg:5000', 'app', { tag: '1', digest: sha256 })],
    [
      '64 hex characters on a registry',
      `docker.io/x/${'a'.repeat(64)}:1`,
      hub(`x/${'a'.repeat(64)}`, { tag: '1' }),
    ],
    [
      'https on loopback',
      'https://localhost:5000/app:1',
      on('localhost:5000', 'app', { tag: '1', scheme: 'https' }),
    ],
    ['http elsewhere', 'HTTP://reg.io/app:1', on('reg.io', 'app', { tag: '1', scheme: 'http' })],
    ['a bare host after http', 'http://box/app:1', on('box:80', 'app', { tag: '1', scheme: 'http' })],
    ['a bare host after https', 'https://box/app:1', on('box:443', 'app', { tag: '1', scheme: 'https' })],
    [
      'Docker Hub after a scheme',
      'https://docker.io/ubuntu:1',
      hub('library/ubuntu', { tag: '1', scheme: 'https' }),
    ],
  ];
  for (const [name, text, reference] of good) {
    test(`parseReference accepts ${name}: ${text.slice(0, 60)}`, () =>
      assert.deepEqual(parseReference(text), reference));
  }

  const bad = [
    ['nothing', '', 'INVALID_REFERENCE'],
    ['a tag alone', ':1', 'INVALID_REFERENCE'],
    ['a digest alone', `@${sha256}`, 'INVALID_REFERENCE'],
    ['an empty tag', 'app:', 'INVALID_REFERENCE'],
    ['an empty digest', 'app@', 'INVALID_DIGEST'],
    ['a tag of 129 characters', `app:${'t'.repeat(129)}`, 'INVALID_REFERENCE'],
    ['a tag that begins with a dot', 'app:.1', 'INVALID_REFERENCE'],
    ['a short digest', 'app@sha256:abc', 'INVALID_DIGEST'],
    ['a digest without an algorithm', `app@${'a'.repeat(64)}`, 'INVALID_DIGEST'],
    ['two digests', `app@${sha256}@${sha256}`, 'INVALID_DIGEST'],
    ['a tag after the digest', `app@${sha256}:1`, 'INVALID_DIGEST'],
    ['a name in upper case', 'App:1', 'NAME_INVALID'],
    ['a name in upper case on a registry', 'ghcr.io/Acme/app:1', 'NAME_INVALID'],
    ['a name in upper case by digest', `ghcr.io/acme/App@${sha256}`, 'NAME_INVALID'],
    ['256 characters', `ghcr.io/${'a'.repeat(248)}:1`, 'NAME_INVALID'],
    ['an image id', 'a3'.repeat(32), 'INVALID_REFERENCE'],
    ['an empty component', 'a//b', 'INVALID_REFERENCE'],
    ['a slash at the end', 'ghcr.io/app/', 'INVALID_REFERENCE'],
    ['a slash at the start', '/app', 'INVALID_REFERENCE'],
    ['a registry alone', 'ghcr.io/', 'INVALID_REFERENCE'],
    ['a separator at the start', '-app', 'INVALID_REFERENCE'],
    ['a separator at the end', 'app_/x', 'INVALID_REFERENCE'],
    ['three underscores', 'x/a___b', 'INVALID_REFERENCE'],
    ['two dots', 'x/a..b', 'INVALID_REFERENCE'],
    ['a way up', 'ghcr.io/../app', 'INVALID_REFERENCE'],
    ['an underscore in a host', 'foo_bar.com:8080/app', 'INVALID_REFERENCE'],
    ['a hyphen at the end of a host', 'foo-.com/app', 'INVALID_REFERENCE'],
    ['an empty label in a host', 'foo..com/app', 'INVALID_REFERENCE'],
    ['a dot at the end of a host', 'ghcr.io./app', 'INVALID_REFERENCE'],
    ['an impossible IPv4 address', '256.0.0.1/app', 'INVALID_REFERENCE'],
    ['a malformed IPv6 address', '[:::]/app', 'INVALID_REFERENCE'],
    ['an IPv6 zone', '[fe80::1%eth0]:5000/app', 'INVALID_REFERENCE'],
    ['an IPv6 address without brackets', '::1/app', 'INVALID_REFERENCE'],
    ['a bracket left open', '[::1/app', 'INVALID_REFERENCE'],
    ['an empty port', 'ghcr.io:/app', 'INVALID_REFERENCE'],
    ['port 0', 'ghcr.io:0/app', 'INVALID_REFERENCE'],
    ['port 65536', 'ghcr.io:65536/app', 'INVALID_REFERENCE'],
    ['a port that is no number', 'ghcr.io:http/app', 'INVALID_REFERENCE'],
    ['a query', 'ghcr.io/app?x=1', 'INVALID_REFERENCE'],
    ['a fragment', 'ghcr.io/app#x', 'INVALID_REFERENCE'],
    ['a percent sign', 'ghcr.io/%2e%2e', 'INVALID_REFERENCE'],
    ['a backslash', 'ghcr.io/a\\b', 'INVALID_REFERENCE'],
    ['a space', 'ghcr.io/a b', 'INVALID_REFERENCE'],
    ['a line break at the end', 'ghcr.io/app:1\n', 'INVALID_REFERENCE'],
    ['a NUL', 'ghcr.io/a\0', 'INVALID_REFERENCE'],
    ['a letter beyond ASCII', 'ghcr.io/äpp', 'INVALID_REFERENCE'],
    ['a host beyond ASCII', 'ghĉr.io/app', 'INVALID_REFERENCE'],
    ['a full-width dot in a host', 'ghcr．io.x/app', 'INVALID_REFERENCE'],
    ['a user in the host', 'me@ghcr.io/app', 'INVALID_DIGEST'],
    ['a scheme without a host', 'https://', 'INVALID_REFERENCE'],
    ['a scheme without a repository', 'https://ghcr.io', 'INVALID_REFERENCE'],
    ['two schemes', 'http://https://ghcr.io/app', 'INVALID_REFERENCE'],
    ['another scheme', 'ftp://ghcr.io/app', 'INVALID_REFERENCE'],
  ] as const;
  for (const [name, text, code] of bad) {
    test(`parseReference refuses ${name}: ${JSON.stringify(text.slice(0, 60))}`, () => {
      assert.throws(() => parseReference(text), { code });
    });
  }

  test('parseReference accepts 255 characters and no more', () => {
    const { repository } = parseReference(`ghcr.io/${'a'.repeat(247)}:1`);
    assert.equal(`ghcr.io/${repository}`.length, 255);
  });

  const secrets = [
    `me:${secret('reference')}@ghcr.io/app`,
    `https://me:${secret('reference')}@ghcr.io/app:1`,
    `https://me:${secret('reference')}@box`,
    `me:${secret('reference')}@ghcr.io`,
    `me:${secret('reference')}/x@ghcr.io/app@sha256:abc`,
  ] as const;
  for (const text of secrets) {
    test(`the error for ${withoutSecrets(text)} hides the password`, () => {
      const refused = refusalOf(() => parseReference(text));
      assert.ok(!refused.message.includes(secret('reference')));
      assert.ok(!refusalOf(() => parseRegistry(text)).message.includes(secret('reference')));
    });
  }

  test('the error names the refused text', () => {
    assert.ok(refusalOf(() => parseReference('ghcr.io/App:1')).message.includes('ghcr.io/App:1'));
  });
});

describe('options of parseReference', () => {
  const rows: readonly (readonly [
    name: string,
    text: string,
    options: ReferenceOptions,
    Reference | string,
  ])[] = [
    [
      'strict parsing accepts a complete reference',
      'docker.io/library/a:1',
      { strict: true },
      hub('library/a', { tag: '1' }),
    ],
    [
      'strict parsing accepts a digest instead of a tag',
      `ghcr.io/a@${sha256}`,
      { strict: true },
      on('ghcr.io', 'a', { digest: sha256 }),
    ],
    ['strict parsing requires a tag or a digest', 'ghcr.io/a', { strict: true }, 'INVALID_REFERENCE'],
    ['strict parsing requires a registry', 'acme/app:1', { strict: true }, 'INVALID_REFERENCE'],
    ['strict parsing requires library/', 'docker.io/ubuntu:1', { strict: true }, 'INVALID_REFERENCE'],
    [
      'the default registry is used',
      'app:1',
      { defaultRegistry: 'reg:5000' },
      on('reg:5000', 'app', { tag: '1' }),
    ],
    [
      'the default registry can be named otherwise',
      'ghcr.io/app:1',
      { defaultRegistry: 'reg:5000' },
      on('ghcr.io', 'app', { tag: '1' }),
    ],
    [
      'the default registry is canonical',
      'app:1',
      { defaultRegistry: 'Index.Docker.io' },
      hub('library/app', { tag: '1' }),
    ],
    ['a malformed default registry is refused', 'app:1', { defaultRegistry: 'a/b' }, 'INVALID_REFERENCE'],
    ['the default tag is used', 'ghcr.io/a', { defaultTag: 'edge' }, on('ghcr.io', 'a', { tag: 'edge' })],
    [
      'the default tag is not added to a digest',
      `ghcr.io/a@${sha256}`,
      { defaultTag: 'edge' },
      on('ghcr.io', 'a', { digest: sha256 }),
    ],
    ['a default tag of null adds none', 'ghcr.io/a', { defaultTag: null }, on('ghcr.io', 'a')],
    ['a malformed default tag is refused', 'ghcr.io/a', { defaultTag: '../x' }, 'INVALID_OPTION'],
  ];
  for (const [name, text, options, expected] of rows) {
    test(name, () => {
      if (typeof expected === 'string')
        assert.throws(() => parseReference(text, options), { code: expected });
      else assert.deepEqual(parseReference(text, options), expected);
    });
  }
});

describe('parseRepository', () => {
  test('parseRepository reads the name of a repository', () => {
    assert.deepEqual(parseRepository('ghcr.io/acme/app'), on('ghcr.io', 'acme/app'));
    assert.deepEqual(parseRepository('ubuntu'), hub('library/ubuntu'));
    assert.deepEqual(parseRepository('app', { defaultRegistry: 'reg:5000' }), on('reg:5000', 'app'));
  });

  for (const text of ['ghcr.io/app:1', `ghcr.io/app@${sha256}`, 'localhost:5000']) {
    test(`parseRepository refuses ${text}`, () =>
      assert.throws(() => parseRepository(text), { code: 'INVALID_REFERENCE' }));
  }

  test('strict parseRepository requires a registry', () => {
    assert.throws(() => parseRepository('acme/app', { strict: true }), { code: 'INVALID_REFERENCE' });
  });
});

describe('parseRegistry', () => {
  const good = [
    ['ghcr.io', { registry: 'ghcr.io' }],
    ['GHCR.io:443', { registry: 'ghcr.io:443' }],
    ['index.docker.io', { registry: 'docker.io' }],
    ['box', { registry: 'box' }],
    ['[::1]:5000', { registry: '[::1]:5000' }],
    ['https://ghcr.io/', { registry: 'ghcr.io', scheme: 'https' }],
    ['http://box', { registry: 'box:80', scheme: 'http' }],
  ] as const;
  for (const [text, expected] of good) {
    test(`parseRegistry reads ${text}`, () => assert.deepEqual(parseRegistry(text), expected));
  }
  for (const text of [
    '',
    '/',
    'ghcr.io/app',
    'ghcr.io?',
    'a b',
    'a@b',
    'ghcr.io//',
    'a'.repeat(256),
    'https://',
  ]) {
    test(`parseRegistry refuses ${JSON.stringify(text.slice(0, 20))}`, () => {
      assert.throws(() => parseRegistry(text), { code: 'INVALID_REFERENCE' });
    });
  }
});

describe('isLoopback', () => {
  for (const registry of [
    'localhost',
    'localhost:5000',
    'reg.localhost:80',
    '127.0.0.1',
    '127.8.9.1:5000',
    '[::1]:1',
  ]) {
    test(`${registry} is a loopback registry`, () => assert.equal(isLoopback(registry), true));
  }
  for (const registry of [
    'ghcr.io',
    'localhost.io',
    '127.0.0.1.io',
    '128.0.0.1',
    '10.0.0.1:5000',
    '[::2]',
    'docker.io',
  ]) {
    test(`${registry} is no loopback registry`, () => assert.equal(isLoopback(registry), false));
  }
});

describe('names and hosts', () => {
  test('the API of Docker Hub has a host of its own', () => {
    assert.equal(apiHost('docker.io'), 'registry-1.docker.io');
    assert.equal(apiHost('docker.io:443'), 'docker.io:443');
    assert.equal(apiHost('ghcr.io'), 'ghcr.io');
  });

  test('a repository may be named like an endpoint', () => {
    assert.equal(isRepositoryName('a/blobs/uploads'), true);
    assert.equal(isRepositoryName('a'.repeat(255)), true);
    assert.equal(isRepositoryName('a'.repeat(256)), false);
    assert.equal(isRepositoryName('A'), false);
  });

  test('a digest is not a tag', () => {
    assert.equal(isTag('latest'), true);
    assert.equal(isTag(sha256), false);
    assert.equal(isTag(''), false);
  });
});

describe('properties of references', () => {
  const component = fc.stringMatching(/^[a-z0-9]{1,6}([._-][a-z0-9]{1,4}){0,2}$/);
  const reference = fc.record(
    {
      registry: fc.constantFrom(
        'docker.io',
        'ghcr.io',
        'localhost',
        'reg:5000',
        '[::1]:5000',
        '10.0.0.1',
        'a-b.c.d:1',
      ),
      repository: fc.array(component, { minLength: 2, maxLength: 4 }).map((parts) => parts.join('/')),
      tag: fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,20}$/),
      digest: fc.constantFrom(sha256, sha512),
    },
    { requiredKeys: ['registry', 'repository'], noNullPrototype: true },
  );

  test('a formatted reference parses to the same reference', () => {
    fc.assert(
      fc.property(reference, (value) => {
        const text = formatReference(value);
        assert.deepEqual(parseReference(text, { defaultTag: null }), value);
        assert.deepEqual(parseReference(text, { defaultTag: null, defaultRegistry: 'other.io' }), value);
        assert.ok(text.startsWith(formatRepository(value)));
      }),
    );
  });

  test('any accepted text is canonical after one pass and safe in a URL, and any other is refused with a code', () => {
    const alphabet = fc.constantFrom(
      ...'aZ0._-:/@[]%?#\\ \n'.split(''),
      'http://',
      'https://',
      '::1',
      'docker.io',
      '127.1',
      'é',
    );
    const texts = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.array(alphabet).map((parts) => parts.join('')),
    );
    fc.assert(
      fc.property(texts, (text) => {
        const parsed = attempt(text);
        if (parsed === undefined) return;
        assert.deepEqual(parseReference(formatReference(parsed)), parsed);
        const url = new URL(`https://${apiHost(parsed.registry)}/v2/${parsed.repository}/tags/list`);
        assert.equal(url.host, apiHost(parsed.registry).replace(/:443$/, ''));
        assert.equal(url.pathname, `/v2/${parsed.repository}/tags/list`);
      }),
      { numRuns: 2000 },
    );
  });
});

function on(registry: string, repository: string, rest: Partial<Reference> = {}): Reference {
  return { registry, repository, ...rest };
}

function hub(repository: string, rest: Partial<Reference> = {}): Reference {
  return on('docker.io', repository, rest);
}

function attempt(text: string): Reference | undefined {
  try {
    return parseReference(text);
  } catch (error) {
    assert.ok(isGantryError(error));
    assert.match(error.code, /^(INVALID_REFERENCE|NAME_INVALID|INVALID_DIGEST)$/);
    return undefined;
  }
}

function refusalOf(parse: () => unknown): Error {
  try {
    parse();
  } catch (error) {
    assert.ok(isGantryError(error));
    return error;
  }
  throw new assert.AssertionError({ message: 'nothing was refused' });
}
