import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import type { RequestListener } from 'node:http';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { copyImage } from '../../src/copy/copy.ts';
import { openDiskRegistry } from '../../src/disk/registry.ts';
import { bytesContent } from '../../src/flow/content.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { createImage } from '../../src/image/create.ts';
import { createLayer } from '../../src/image/layer.ts';
import { imageSource } from '../../src/image/source.ts';
import { openLayout } from '../../src/layout/repository.ts';
import { writeTar } from '../../src/tar/write.ts';
import { folder } from '../folder.ts';
import { fakeRegistry } from './fake-registry.ts';
import { type Ended, gantry } from './gantry.ts';
import { makeImage, store } from './images.ts';

/** Every known way to end a line, each with a line of its own after it. */
const words =
  'x\nPASS: forged\r\nPASS: forged\u001b[2J\u001b]0;t\u0007\u009b2J\u202e\u2066\u2028\u2029\u0000\u200b\ufeff\u{e0041}';
/** Names in annotations and the like may be of any length. */
const long = words + 'y'.repeat(200_000);

const controls =
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there.
  /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u200b\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|\udb40/;

function assertOurs({ stdout, stderr }: Ended, what: string): void {
  for (const line of [...stdout.split('\n'), ...stderr.split('\n')]) {
    assert.doesNotMatch(line, controls, what);
    assert.doesNotMatch(line, /^(?:PASS|FAIL): forged/, what);
  }
  const sentences = stderr.split('\n').filter((line) => !line.startsWith('{'));
  for (const line of sentences) assert.ok(line.length < 10_000, `${what}: ${line.length} characters`);
}

const index = 'application/vnd.oci.image.index.v1+json';
const manifest = 'application/vnd.oci.image.manifest.v1+json';

interface Bytes {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly bytes: Buffer;
}

function bytesOf(mediaType: string, value: unknown): Bytes {
  const bytes = Buffer.isBuffer(value) ? value : Buffer.from(JSON.stringify(value));
  return { mediaType, digest: digestOf(bytes), size: bytes.byteLength, bytes };
}

function listed({ mediaType, digest, size }: Bytes) {
  return { mediaType, digest, size };
}

async function tarOf(names: readonly string[], bytes: Uint8Array = new Uint8Array(0)): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  const files = asyncOf(
    names.map((name) => ({ name, size: bytes.byteLength, body: bytesContent(bytes).open() })),
  );
  for await (const chunk of writeTar(files)) chunks.push(chunk.slice());
  return Buffer.concat(chunks);
}

async function* asyncOf<T>(values: readonly T[]): AsyncIterable<T> {
  yield* values;
}

/** Starts a registry that answers every request with text from an attacker. */
async function hostile(text: string): Promise<RequestListener> {
  // A tar ends its names at a NUL.
  const inTar = text.slice(0, 90).replaceAll('\0', '');
  const layer = bytesOf('application/vnd.oci.image.layer.v1.tar', await tarOf([inTar, inTar]));
  const config = bytesOf('application/vnd.oci.image.config.v1+json', {
    architecture: text,
    os: text,
    author: text,
    config: { Labels: { [text]: text } },
    history: [{ created_by: text }],
    rootfs: { type: 'layers', diff_ids: [layer.digest] },
  });
  const image = bytesOf(manifest, {
    schemaVersion: 2,
    mediaType: manifest,
    artifactType: text,
    config: listed(config),
    layers: [{ ...listed(layer), annotations: { [text]: text } }],
    annotations: { [text]: text, 'org.opencontainers.image.ref.name': text },
  });
  const platform = { os: text, architecture: text, variant: text };
  const referrer = { ...listed(image), artifactType: text, annotations: { [text]: text } };
  const many = bytesOf(index, {
    schemaVersion: 2,
    mediaType: index,
    manifests: [{ ...listed(image), platform }],
    annotations: { [text]: text },
  });
  const referrers = bytesOf(index, { schemaVersion: 2, mediaType: index, manifests: [referrer] });
  const all = new Map([layer, config, image, many].map((one) => [one.digest, one]));
  return (request, response) => {
    const url = request.url ?? '';
    const name = decodeURIComponent(url.split('?')[0]?.split('/').at(-1) ?? '');
    const send = ({ mediaType, digest, bytes }: Bytes): void => {
      response.writeHead(200, {
        'content-type': mediaType,
        'docker-content-digest': digest,
        'content-length': bytes.length,
      });
      response.end(request.method === 'HEAD' ? undefined : bytes);
    };
    if (url === '/v2/' || url === '/v2') return response.writeHead(200).end();
    if (url.includes('/tags/list'))
      return send(bytesOf('application/json', { name: text, tags: [text, '1', `1${text}`] }));
    if (url.includes('/_catalog'))
      return send(bytesOf('application/json', { repositories: [text, `app/${text}`] }));
    if (url.includes('/referrers/')) return send(referrers);
    const found =
      all.get(name) ??
      (url.includes('/manifests/1') ? image : url.includes('/manifests/many') ? many : undefined);
    if (found !== undefined && request.method !== 'DELETE' && request.method !== 'PUT') return send(found);
    const error = bytesOf('application/json', {
      errors: [{ code: text, message: text, detail: { [text]: text } }],
    });
    response.writeHead(url.includes('missing') ? 404 : 418, {
      'content-type': 'application/json',
      'content-length': error.size,
    });
    response.end(request.method === 'HEAD' ? undefined : error.bytes);
  };
}

/** Command lines; `HOST` is a hostile registry, `DIR` a folder, `LAYOUT`, `ARCHIVE` and `STORE` are hostile things there. */
const lines: readonly string[] = [
  'ls HOST/app',
  'ls --full-ref HOST/app',
  'catalog HOST',
  'catalog --full-ref HOST',
  'inspect HOST/app:1',
  'ls-files HOST/app:1',
  'ls-files -l HOST/app:1',
  'cat HOST/app:1 etc/passwd',
  'unpack HOST/app:1 DIR/unpacked',
  'diff HOST/app:1 HOST/app:many',
  'inspect HOST/app:many',
  'digest HOST/app:1',
  'digest --platform linux/amd64 HOST/app:many',
  'digest HOST/app:missing',
  'manifest HOST/app:missing',
  'config --platform linux/amd64 HOST/app:many',
  'validate --remote HOST/app:1',
  'validate --remote HOST/app:many',
  'validate --fast --remote HOST/app:many',
  'validate --tarball ARCHIVE',
  'referrers HOST/app:1',
  'referrers --tree HOST/app:1',
  'copy HOST/app:1 oci:DIR/copied',
  'copy HOST/app:many oci-archive:DIR/many.tar',
  'copy HOST/app:1 HOST/other:1',
  'copy -a HOST/app HOST/other',
  'copy --platform linux/amd64 HOST/app:many oci:DIR/chosen',
  'copy --progress json HOST/app:1 oci:DIR/json',
  'pull HOST/app:1 DIR/pulled.tar',
  'pull --format oci HOST/app:many DIR/pulled',
  'append -f ARCHIVE -b HOST/app:1',
  'append -f LAYOUT -t HOST/new:1',
  'build LAYOUT -b HOST/app:1 --entrypoint a -t HOST/built:1',
  'build DIR -b HOST/app:many -t HOST/built:2',
  'flatten HOST/app:1 -t HOST/flat:1',
  'rebase HOST/app:1 --old_base HOST/app:1 --new_base HOST/app:many',
  'convert --to docker HOST/app:1 -t HOST/converted:1',
  'convert --to oci --compression none HOST/app:many -t oci:DIR/converted',
  'mutate -u 5 HOST/app:1',
  'mutate -u 5 --platform linux/amd64 HOST/app:many -t HOST/changed:1',
  'mutate -u 5 docker-archive:ARCHIVE -t oci:DIR/mutated',
  'edit config HOST/app:1',
  'edit manifest HOST/app:many',
  'edit fs -f etc/passwd HOST/app:1',
  'index create HOST/app:1 HOST/app:many -t oci:DIR/made',
  'index append LAYOUT HOST/app:many',
  'index filter HOST/app:many --platform linux',
  'index remove HOST/app:many --platform linux/amd64',
  'index list HOST/app:many',
  'index list -r HOST/app:1',
  'push LAYOUT HOST/app:2',
  'push ARCHIVE HOST/app:2',
  'push oci:LAYOUT:none HOST/app:2',
  'sign --key KEY HOST/app:1',
  'sign --key KEY HOST/app:many',
  'verify --key PUB HOST/app:1',
  'verify --key PUB HOST/app:missing',
  'attest --key KEY --type link --predicate KEY HOST/app:1',
  'attestation ls HOST/app:1',
  'attestation get --key PUB --type link HOST/app:1',
  'key public KEY',
  'key import PUB',
  'key generate',
  'tag HOST/app:1 two',
  'delete HOST/app:1',
  'auth token HOST/app',
  'registry check STORE',
  'registry gc --dry-run STORE',
  'layout gc --dry-run LAYOUT',
];

/** Writes files to the disk that hold text from an attacker. */
async function place(test: TestContext, text: string): Promise<Readonly<Record<string, string>>> {
  const dir = await folder(test);
  const layout = join(dir, 'layout');
  const layer = createLayer(bytesContent(await tarOf(['a'])), {
    mediaType: 'application/vnd.oci.image.layer.v1.tar',
  });
  await using to = await openLayout(layout, { mode: 'write' });
  for (const name of [text, `${text}2`]) {
    const { repository, root } = await imageSource(
      createImage({ config: { os: 'linux', architecture: name }, layers: [layer] }),
    );
    await copyImage(repository, root.digest, to, { tags: [name.slice(0, 100)] }).catch(() => undefined);
  }
  await to.commit();
  const archive = join(dir, 'archive.tar');
  const entry = { Config: text, RepoTags: [text, `${text}2`], Layers: [text] };
  const json = Buffer.from(JSON.stringify([entry, { ...entry, Config: 'c' }]));
  await writeFile(archive, await tarOf(['manifest.json'], json));
  const disk = join(dir, 'store');
  {
    await using registry = await openDiskRegistry(disk);
    await store(registry, 'app', ['1'], await makeImage('a'));
  }
  const name = text.replaceAll('/', '').replaceAll('\0', '').slice(0, 60);
  for (const found of await readdir(disk, { recursive: true, withFileTypes: true })) {
    if (found.isDirectory()) await writeFile(join(found.parentPath, found.name, name), 'what is this?');
  }
  await mkdir(join(dir, 'out'));
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const [key, pub] = [join(dir, 'signing.key'), join(dir, 'signing.pub')];
  await writeFile(key, privateKey.export({ type: 'pkcs8', format: 'pem' }));
  await writeFile(pub, publicKey.export({ type: 'spki', format: 'pem' }));
  return { DIR: join(dir, 'out'), LAYOUT: layout, ARCHIVE: archive, STORE: disk, KEY: key, PUB: pub };
}

function wordsOf(line: string, places: Readonly<Record<string, string>>): readonly string[] {
  return line
    .split(' ')
    .map((word) => word.replace(/HOST|DIR|LAYOUT|ARCHIVE|STORE|KEY|PUB/, (name) => places[name] ?? name));
}

async function assertLine(args: readonly string[], what: string): Promise<void> {
  const ended = await gantry(args);
  assertOurs(ended, what);
  assert.doesNotMatch(ended.stderr, /a bug in gantry/, `${what}: ${ended.stderr}`);
  if (!args.includes('--json')) return;
  for (const json of ended.stdout.split('\n').filter((one) => one !== '')) JSON.parse(json);
}

describe('words of an image, a registry or a file', () => {
  for (const [how, text, flagged] of [
    ['with every way out of a line', words, [[], ['--json']]],
    ['that are very long', long, [['-v']]],
  ] as const) {
    it(`forged-verdict-line: words from outside ${how} stay on their line, in every command`, async (test) => {
      const host = await fakeRegistry(test, await hostile(text));
      const places = { HOST: host, ...(await place(test, text)) };
      for (const line of lines) {
        for (const flags of flagged) {
          await assertLine([...flags, ...wordsOf(line, places)], [...flags, line].join(' '));
        }
      }
    });
  }
});
