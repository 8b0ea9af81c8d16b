import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import * as fc from 'fast-check';
import { isGantryError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { parseDigest } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType } from '../spec/media-type.ts';
import { encodeManifest, indexJsonLimit, manifestLimit, parseIndexJson, parseManifest } from './manifest.ts';

const digest = parseDigest(`sha256:${'e'.repeat(64)}`);
const config = descriptor('a', MediaType.ociConfig);
const layer = descriptor('b', MediaType.ociLayerGzip);
const child = descriptor('c', MediaType.ociManifest);
const image = { schemaVersion: 2, mediaType: MediaType.ociManifest, config, layers: [layer] };
const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [child] };
const schema1 = { schemaVersion: 1, name: 'a', tag: '1', fsLayers: [{ blobSum: digest }], history: [] };

const fromAcme = (fields: object): object => ({ mediaType: 'application/vnd.acme.thing+json', ...fields });

describe('parseManifest', () => {
  test('parseManifest keeps the bytes and describes them', () => {
    const bytes = new TextEncoder().encode(`${JSON.stringify(image, undefined, 3)}\n`);
    const manifest = parseManifest(bytes, { digest });
    assert.equal(manifest.bytes, bytes);
    assert.deepEqual(manifest.descriptor, {
      mediaType: MediaType.ociManifest,
      digest,
      size: bytes.byteLength,
    });
  });

  const kinds: readonly (readonly [
    name: string,
    value: object,
    given: string | undefined,
    kind: string,
    type: string,
  ])[] = [
    ['an OCI image', image, undefined, 'image', MediaType.ociManifest],
    [
      'an OCI image without a type in it',
      without(image, 'mediaType'),
      undefined,
      'image',
      MediaType.ociManifest,
    ],
    [
      'an OCI image whose type the server sent',
      without(image, 'mediaType'),
      MediaType.ociManifest,
      'image',
      MediaType.ociManifest,
    ],
    [
      'a sent type with a parameter and capitals',
      image,
      'Application/vnd.OCI.image.manifest.v1+json; x=y',
      'image',
      MediaType.ociManifest,
    ],
    [
      'a docker image',
      { ...image, mediaType: MediaType.dockerManifest },
      MediaType.dockerManifest,
      'image',
      MediaType.dockerManifest,
    ],
    ['an OCI index', index, MediaType.ociIndex, 'index', MediaType.ociIndex],
    [
      'an OCI index without a type in it',
      without(index, 'mediaType'),
      undefined,
      'index',
      MediaType.ociIndex,
    ],
    [
      'a docker list',
      { ...index, mediaType: MediaType.dockerList },
      undefined,
      'index',
      MediaType.dockerList,
    ],
    ['an index that was sent as application/json', index, MediaType.json, 'index', MediaType.ociIndex],
    [
      'an index that was sent as application/octet-stream',
      without(image, 'mediaType'),
      MediaType.octetStream,
      'image',
      MediaType.ociManifest,
    ],
    ['a document with an empty type', { ...index, mediaType: '' }, undefined, 'index', MediaType.ociIndex],
    ['docker schema 1', schema1, undefined, 'unknown', MediaType.schema1],
    [
      'docker schema 1, signed',
      { ...schema1, signatures: [] },
      undefined,
      'unknown',
      MediaType.schema1Signed,
    ],
    ['docker schema 1 by its type', schema1, MediaType.schema1Signed, 'unknown', MediaType.schema1Signed],
    [
      'a withdrawn artifact manifest',
      { mediaType: MediaType.ociArtifact, blobs: [] },
      undefined,
      'unknown',
      MediaType.ociArtifact,
    ],
    ['a future kind', { a: 1 }, 'application/vnd.example+json', 'unknown', 'application/vnd.example+json'],
  ];
  for (const [name, value, given, kind, type] of kinds) {
    test(`parseManifest reads ${name}`, () => {
      const { body, descriptor } = parse(value, given);
      assert.equal(body.kind, kind);
      assert.equal(descriptor.mediaType, type);
    });
  }

  for (const mediaType of [MediaType.ociArtifact, MediaType.orasArtifact]) {
    test(`parseManifest reads the blobs of ${mediaType} as descriptors`, () => {
      const { layers } = image;
      const read = parse({ mediaType, blobs: layers }).body;
      assert.deepEqual(read, { kind: 'unknown', mediaType, blobs: layers });
      assert.throws(() => parse({ mediaType, blobs: [{ size: 1 }] }), { code: 'MANIFEST_INVALID' });
    });
  }

  test('parseManifest reads no blobs of an unknown kind', () => {
    const { body } = parse({ blobs: [1] }, 'application/vnd.example+json');
    assert.deepEqual(body, { kind: 'unknown' });
  });

  test('parseManifest reads the version of docker schema 1', () => {
    assert.deepEqual(parse(schema1).body, { kind: 'unknown', schemaVersion: 1, opaque: true });
  });

  test('parseManifest reads every field of an image and leaves unknown ones in the bytes', () => {
    const full = {
      ...image,
      artifactType: 'application/x',
      config: {
        ...config,
        data: 'e30=',
        platform: {
          os: 'linux',
          architecture: 'arm',
          variant: 'v7',
          'os.version': '1',
          'os.features': ['a'],
        },
      },
      layers: [{ ...layer, urls: ['https://example.com/x'], annotations: { a: 'b' }, artifactType: 'x/y' }],
      subject: child,
      annotations: { 'org.example': 'x' },
    };
    const { body } = parse({ ...full, future: { a: 1 }, config: { ...full.config, future: 1 } });
    assert.deepEqual(body, { kind: 'image', ...full });
  });

  test('parseManifest reads every field of an index', () => {
    const full = { ...index, artifactType: 'application/x', subject: child, annotations: { a: 'b' } };
    assert.deepEqual(parse(full).body, { kind: 'index', ...full });
  });

  const vague = [
    undefined,
    'text/plain; charset=utf-8',
    'text/html',
    'binary/octet-stream',
    'application/octet-stream',
    'application/json',
    'application/x-unknown',
    'application/vnd.acme.unheard-of+json',
  ];
  for (const given of vague) {
    test(`manifest-under-vague-type: a document sent as ${given} decides its own type`, () => {
      for (const [value, type] of [
        [image, MediaType.ociManifest],
        [{ ...image, mediaType: MediaType.dockerManifest }, MediaType.dockerManifest],
        [without(image, 'mediaType'), MediaType.ociManifest],
        [without(without(image, 'mediaType'), 'layers'), MediaType.ociManifest],
        [index, MediaType.ociIndex],
        [without(index, 'mediaType'), MediaType.ociIndex],
        [schema1, MediaType.schema1],
      ] as const) {
        const { descriptor, body } = parse(value, given);
        assert.equal(descriptor.mediaType, type);
        const kind = type === MediaType.schema1 ? 'unknown' : 'manifests' in value ? 'index' : 'image';
        assert.equal(body.kind, kind);
      }
    });
  }

  const unknownKinds: readonly (readonly [name: string, fields: object, kind: string, opaque?: true])[] = [
    ['with the fields of an image', without(image, 'mediaType'), 'image'],
    ['with the fields of an index', without(index, 'mediaType'), 'index'],
    ['without content', { greeting: 'hello' }, 'unknown'],
    ['with digests only for information', { annotations: { base: digest }, subject: child }, 'unknown'],
    ['with content in unknown members', { parts: [{ deep: [layer] }] }, 'unknown', true],
    ['with more content than an image', { ...without(image, 'mediaType'), more: [child] }, 'unknown', true],
    ['with more content than an index', { ...without(index, 'mediaType'), more: layer }, 'unknown', true],
    ['with broken fields of an image', { ...without(image, 'mediaType'), layers: [digest] }, 'unknown', true],
  ];
  for (const [name, fields, kind, opaque] of unknownKinds) {
    test(`unknown-manifest-kind: a document of an unknown type ${name} is ${opaque ? 'opaque' : kind}`, () => {
      const { descriptor, body } = parse(fromAcme(fields));
      assert.equal(descriptor.mediaType, 'application/vnd.acme.thing+json');
      assert.equal(body.kind, kind);
      assert.equal(body.kind === 'unknown' ? body.opaque : undefined, opaque);
    });
  }

  test('manifest-with-gaps: a missing size or type reads as absent', () => {
    const bare = without(without(config, 'size'), 'mediaType');
    const { body } = parse({
      ...image,
      config: bare,
      layers: [{ ...without(layer, 'size'), mediaType: '' }],
    });
    assert.ok(body.kind === 'image');
    assert.deepEqual(body.config, { mediaType: '', digest: config.digest, size: 0, unsized: true });
    assert.deepEqual(body.layers, [{ mediaType: '', digest: layer.digest, size: 0, unsized: true }]);
  });

  const empties: readonly (readonly [name: string, value: object, body: object])[] = [
    ['null layers as none', { ...image, layers: null }, { ...image, layers: [] }],
    ['absent layers as none', without(image, 'layers'), { ...image, layers: [] }],
    ['null manifests as none', { ...index, manifests: null }, { ...index, manifests: [] }],
    [
      'null as an absent optional field',
      { ...index, annotations: null, subject: null, artifactType: null },
      index,
    ],
    [
      'null in a descriptor as an absent field',
      { ...image, config: { ...config, urls: null, annotations: null, platform: null } },
      image,
    ],
    [
      'half a platform',
      { ...index, manifests: [{ ...child, platform: { os: 'linux' } }] },
      { ...index, manifests: [{ ...child, platform: { os: 'linux', architecture: '' } }] },
    ],
    [
      'a size of 0',
      { ...image, layers: [{ ...layer, size: 0 }] },
      { ...image, layers: [{ ...layer, size: 0 }] },
    ],
    [
      'the largest size',
      { ...image, layers: [{ ...layer, size: 2 ** 53 - 1 }] },
      { ...image, layers: [{ ...layer, size: 2 ** 53 - 1 }] },
    ],
  ];
  for (const [name, value, body] of empties) {
    test(`parseManifest reads ${name}`, () => {
      const { kind: _, ...rest } = parse(value).body;
      assert.deepEqual(rest, body);
    });
  }

  const refused: readonly (readonly [name: string, value: unknown, given?: string])[] = [
    ['an array', []],
    ['null', null],
    ['a string', 'x'],
    ['an object that is no manifest', {}],
    ['an error body', { errors: [{ code: 'DENIED' }] }],
    ['an error body that was sent as application/json', { errors: [] }, MediaType.json],
    ['an index that is an image too', { ...index, config, layers: [layer] }],
    ['an index with layers', { ...index, layers: [] }],
    ['an index with null layers', { ...index, layers: null }],
    ['an image with manifests', { ...image, manifests: [] }, MediaType.ociManifest],
    ['an image that is schema 1 too', { ...image, fsLayers: [] }],
    ['two kinds at once under an unknown type', { manifests: [], layers: [] }, 'application/x'],
    ['a document that contradicts the sent type', image, MediaType.dockerManifest],
    [
      'an unknown type that contradicts the sent unknown type',
      { mediaType: 'application/x' },
      'application/y',
    ],
    ['an image that was sent as an index', without(image, 'mediaType'), MediaType.ociIndex],
    ['an index that was sent as an image', without(index, 'mediaType'), MediaType.ociManifest],
    ['schema 1 that was sent as an image', schema1, MediaType.ociManifest],
    ['a type that is no string', { ...image, mediaType: 2 }],
    ['no version', without(image, 'schemaVersion')],
    ['version 1 of an image', { ...image, schemaVersion: 1 }],
    ['a version in quotes', { ...image, schemaVersion: '2' }],
    ['no config', without(image, 'config')],
    ['a null config', { ...image, config: null }],
    ['an index without manifests', without(index, 'manifests')],
    ['layers that are no array', { ...image, layers: {} }],
    ['a null layer', { ...image, layers: [null] }],
    ['Layers for layers', { ...image, Layers: [] }],
    ['Manifests in an image', { ...image, Manifests: [child] }],
    ['mediatype for mediaType', { ...without(image, 'mediaType'), mediatype: MediaType.ociManifest }],
    ['the long s for an s', { ...image, layerſ: [] }],
    ['Digest in a descriptor', { ...image, config: { ...config, Digest: digest } }],
    ['OS in a platform', { ...index, manifests: [{ ...child, platform: { OS: 'linux' } }] }],
  ];
  for (const [name, value, given] of refused) {
    test(`parseManifest refuses ${name}`, () =>
      assert.throws(() => parse(value, given), { code: 'MANIFEST_INVALID' }));
  }

  const fields: readonly (readonly [path: string, value: object])[] = [
    ['config.digest', { ...image, config: { ...config, digest: 'sha256:x' } }],
    ['config.mediaType', { ...image, config: { ...config, mediaType: 1 } }],
    ['layers[1].digest', { ...image, layers: [layer, { ...layer, digest: '../../etc/passwd' }] }],
    ['layers[0].size', { ...image, layers: [{ ...layer, size: -1 }] }],
    ['layers[0].size', { ...image, layers: [{ ...layer, size: 1.5 }] }],
    ['layers[0].size', { ...image, layers: [{ ...layer, size: 2 ** 53 }] }],
    ['layers[0].size', { ...image, layers: [{ ...layer, size: '1' }] }],
    ['layers[0].urls[1]', { ...image, layers: [{ ...layer, urls: ['x', 1] }] }],
    ['layers[0].data', { ...image, layers: [{ ...layer, data: {} }] }],
    ['annotations.a', { ...image, annotations: { a: 1 } }],
    ['annotations.b', { ...image, annotations: { b: null } }],
    ['annotations', { ...image, annotations: ['x'] }],
    ['artifactType', { ...image, artifactType: 1 }],
    ['subject.digest', { ...index, subject: { ...child, digest: digest.toUpperCase() } }],
    ['manifests[0].platform.variant', { ...index, manifests: [{ ...child, platform: { variant: 8 } }] }],
    ['manifests[0].platform', { ...index, manifests: [{ ...child, platform: 'linux/amd64' }] }],
  ];
  for (const [path, value] of fields) {
    test(`parseManifest names ${path} in the error for ${JSON.stringify(value).slice(35, 400)}`, () => {
      assert.throws(
        () => parse(value),
        (error) => isGantryError(error, 'MANIFEST_INVALID') && error.message.includes(`: ${path} `),
      );
    });
  }

  test('parseManifest accepts 4 MiB and no more', () => {
    const text = JSON.stringify(index);
    const bytes = new TextEncoder().encode(text.padEnd(manifestLimit + 1));
    assert.equal(parseManifest(bytes.subarray(0, manifestLimit), { digest }).descriptor.size, manifestLimit);
    assert.throws(() => parseManifest(bytes, { digest }), { code: 'TOO_LARGE', expected: manifestLimit });
  });

  test('parseManifest reads __proto__ as an ordinary annotation', () => {
    const text = JSON.stringify(image).replace(/}$/, ',"annotations":{"__proto__":"x"}}');
    const { body } = parseManifest(new TextEncoder().encode(text), { digest });
    assert.ok(body.kind === 'image' && body.annotations !== undefined);
    assert.deepEqual(Object.entries(body.annotations), [['__proto__', 'x']]);
  });
});

describe('parseIndexJson', () => {
  test('parseIndexJson reads the index of a layout, with or without its type', () => {
    for (const value of [index, without(index, 'mediaType')]) {
      assert.deepEqual(parseIndexJson(encodeManifest(value)), { kind: 'index', ...value });
    }
  });

  for (const [name, value] of [
    ['an image', image],
    ['schema 1', schema1],
    ['nothing', {}],
  ] as const) {
    test(`parseIndexJson refuses ${name}`, () => {
      assert.throws(() => parseIndexJson(encodeManifest(value)), { code: 'MANIFEST_INVALID' });
    });
  }

  test('parseIndexJson accepts more bytes than a manifest may have, up to its own limit', () => {
    const bytes = new TextEncoder().encode(JSON.stringify(index).padEnd(manifestLimit + 1));
    assert.equal(parseIndexJson(bytes).manifests.length, 1);
    assert.throws(() => parseIndexJson(new Uint8Array(indexJsonLimit + 1)), { code: 'TOO_LARGE' });
  });
});

describe('encodeManifest', () => {
  test('encodeManifest writes compact JSON in the order of the value, without undefined fields', () => {
    const bytes = encodeManifest({ b: 1, a: { d: undefined, c: 'é<' } });
    assert.equal(new TextDecoder().decode(bytes), '{"b":1,"a":{"c":"é<"}}');
  });
});

describe('properties of manifests', () => {
  const some = fc.record(
    {
      mediaType: fc.constantFrom(MediaType.ociLayer, 'application/x'),
      digest: fc.constantFrom(digest, parseDigest(`sha512:${'0'.repeat(128)}`)),
      size: fc.maxSafeNat(),
      urls: fc.array(fc.webUrl()),
      annotations: fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }),
      data: fc.base64String(),
      artifactType: fc.string(),
      platform: fc.record({ os: fc.string(), architecture: fc.string() }, { noNullPrototype: true }),
    },
    { requiredKeys: ['mediaType', 'digest', 'size'], noNullPrototype: true },
  );
  const common = {
    schemaVersion: fc.constant(2),
    artifactType: fc.string(),
    subject: some,
    annotations: fc.dictionary(fc.string(), fc.string(), { noNullPrototype: true }),
  };
  const images = fc.record(
    { ...common, config: some, layers: fc.array(some) },
    { requiredKeys: ['schemaVersion', 'config', 'layers'], noNullPrototype: true },
  );
  const indexes = fc.record(
    { ...common, manifests: fc.array(some) },
    { requiredKeys: ['schemaVersion', 'manifests'], noNullPrototype: true },
  );

  test('parseManifest reads the manifest that encodeManifest wrote', () => {
    fc.assert(
      fc.property(fc.oneof(images, indexes), (value) => {
        const { kind, ...body } = parseManifest(encodeManifest(value), { digest }).body;
        assert.equal(kind, 'layers' in value ? 'image' : 'index');
        assert.deepEqual(body, value);
      }),
    );
  });

  test('parseManifest reads a manifest with one wrong value or refuses it with a code', () => {
    fc.assert(
      fc.property(fc.oneof(images, indexes), fc.nat(), fc.jsonValue(), (value, at, wrong) => {
        let seen = 0;
        const text = JSON.stringify(value, (_, part: unknown) => (seen++ === at % 20 ? wrong : part));
        try {
          parseManifest(new TextEncoder().encode(text), { digest });
        } catch (error) {
          assert.ok(isGantryError(error, 'MANIFEST_INVALID'));
        }
      }),
    );
  });
});

function parse(value: unknown, mediaType?: string): Manifest {
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return parseManifest(bytes, { digest, ...(mediaType === undefined ? {} : { mediaType }) });
}

function descriptor(digit: string, mediaType: string): Descriptor {
  return { mediaType, digest: parseDigest(`sha256:${digit.repeat(64)}`), size: 7 };
}

function without(value: object, key: string): object {
  return Object.fromEntries(Object.entries(value).filter(([name]) => name !== key));
}
