import { describe } from 'node:test';
import * as fc from 'fast-check';
import { parseNote } from '../../src/client/upload-note.ts';
import { parseImageConfig } from '../../src/json/image-config.ts';
import { parseIndexJson, parseManifest } from '../../src/json/manifest.ts';
import { parseJson } from '../../src/json/parse.ts';
import { signedPayload } from '../../src/json/schema1.ts';
import {
  helperFor,
  inlineCredential,
  inlineCredentials,
  parseDockerConfig,
} from '../../src/keychain/docker-config.ts';
import { parseDigest } from '../../src/spec/digest.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { bytesOf, fuzz, mutated, standsPathological } from './fuzz.ts';

/** Documents that registries, disks and home directories hold. */

const digest = parseDigest(`sha256:${'e'.repeat(64)}`);
const descriptor = {
  mediaType: MediaType.ociConfig,
  digest,
  size: 7,
  annotations: { a: 'b' },
  urls: ['https://x'],
};
const platform = { os: 'linux', architecture: 'arm', variant: 'v7', 'os.features': ['x'] };
const image = {
  schemaVersion: 2,
  mediaType: MediaType.ociManifest,
  config: descriptor,
  layers: [descriptor],
  subject: descriptor,
  annotations: { a: 'b' },
};
const index = { schemaVersion: 2, mediaType: MediaType.ociIndex, manifests: [{ ...descriptor, platform }] };
const config = {
  os: 'linux',
  architecture: 'amd64',
  config: { Env: ['A=b'], Labels: { a: 'b' }, ExposedPorts: { '80/tcp': {} } },
  rootfs: { type: 'layers', diff_ids: [digest] },
  history: [{ created_by: 'x', empty_layer: true }],
};
const dockerConfig = {
  auths: { 'r.example': { auth: 'YTpi' }, 'https://x/v1/': { identitytoken: 't' } },
  credHelpers: { 'y.example': 'z' },
  credsStore: 'desktop',
};
const note = {
  version: 1,
  place: 'https://r.example',
  repository: 'a/b',
  digest,
  size: 7,
  id: '0@https://x',
};
const schema1 = {
  schemaVersion: 1,
  fsLayers: [{ blobSum: digest }],
  signatures: [{ protected: btoa('{"formatLength":10,"formatTail":"Cn0"}') }],
};

/** A document of any shape, or a right document with damage or with an exchanged value. */
function documents(sample: object): fc.Arbitrary<string> {
  const exchanged = fc.record({ at: fc.nat(), value: fc.jsonValue({ maxDepth: 2 }) }).map(({ at, value }) => {
    let number = 0;
    const chosen = at % 30;
    return JSON.stringify(sample, (_, inner: unknown) => (number++ === chosen ? value : inner)) ?? 'null';
  });
  return fc.oneof(mutated(JSON.stringify(sample)), exchanged, fc.json({ maxDepth: 3 }));
}

const deep = [
  '[',
  '{"a":',
  '{',
  '"',
  '\\',
  '"a":1,',
  '[[]',
  ',',
  '"\\u0061"',
  ' ',
  '{"a":[',
  '1',
  '"a"',
  '\ud800',
];

const parseText = (text: string): unknown => parseJson(bytesOf(text), { what: 'it' });
const payloadOf = (text: string): unknown => signedPayload(bytesOf(text));

describe('fuzz: JSON', () => {
  fuzz('JSON', documents(image), parseText);
  fuzz('bytes for JSON', fc.uint8Array({ maxLength: 200 }), (bytes) => parseJson(bytes, { what: 'it' }));
  standsPathological('JSON', deep, parseText);
  standsPathological('JSON, one object of many keys', ['{'], () =>
    parseText(`{${Array.from({ length: 100_000 }, (_, at) => `"${at}":1`).join(',')}}`),
  );
});

describe('fuzz: manifest', () => {
  for (const mediaType of [undefined, MediaType.ociManifest, MediaType.ociIndex, MediaType.schema1Signed]) {
    const parse = (text: string): unknown =>
      parseManifest(bytesOf(text), { digest, ...(mediaType === undefined ? {} : { mediaType }) });
    fuzz(`manifest given as ${mediaType ?? 'nothing'}`, documents(image), parse);
  }
  standsPathological('manifest', [`{"layers":[`, `{"mediaType":"`, ...deep], (text) =>
    parseManifest(bytesOf(text), { digest }),
  );
  fuzz('what of a schema 1 manifest was signed', documents(schema1), payloadOf);
  standsPathological('what of a schema 1 manifest was signed', deep, payloadOf);
});

describe('fuzz: index', () => {
  fuzz('index', documents(index), (text) => parseManifest(bytesOf(text), { digest }));
  fuzz('index.json', documents(index), (text) => parseIndexJson(bytesOf(text)));
  standsPathological('index.json', [`{"manifests":[`, ...deep], (text) => parseIndexJson(bytesOf(text)));
});

describe('fuzz: config', () => {
  fuzz('config', documents(config), (text) => parseImageConfig(bytesOf(text)));
  standsPathological('config', [`{"rootfs":`, ...deep], (text) => parseImageConfig(bytesOf(text)));
});

describe('fuzz: note of an upload', () => {
  fuzz('note of an upload', documents(note), (text) => parseNote(bytesOf(text)));
  standsPathological('note of an upload', [`{"place":"`, ...deep], (text) => parseNote(bytesOf(text)));
});

const parse = (text: string): unknown => {
  const parsed = parseDockerConfig(bytesOf(text), 'config.json');
  return [
    helperFor(parsed, 'y.example'),
    inlineCredential(parsed, 'r.example', 'a/b'),
    [...inlineCredentials(parsed)],
  ];
};

describe('fuzz: docker config', () => {
  fuzz('docker config', documents(dockerConfig), parse);
  standsPathological('docker config', [`{"auths":{"`, ...deep], parse);
  const keys = ['a', '/', ':', 'https://', '.', '['];
  standsPathological(
    'docker config, its keys',
    keys,
    (key) =>
      parse(
        JSON.stringify({ auths: { [key]: { auth: key } }, credHelpers: { [key]: key } }).slice(0, 2 ** 20),
      ),
    400_000,
  );
});
