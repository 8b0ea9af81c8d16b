import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { manifestOfBytes } from '../../src/json/make-manifest.ts';
import type { Descriptor } from '../../src/spec/descriptor.ts';
import { MediaType } from '../../src/spec/media-type.ts';
import { formatPlatform } from '../../src/spec/platform.ts';
import { listOf } from '../../src/testing/contract/sample.ts';
import { type Ended, gantry } from '../cli/gantry.ts';
import {
  attestationOf,
  file,
  findings,
  imageOf,
  put,
  putIndex,
  type Stage,
  type StoredImage,
  stage,
  tarOf,
} from './stage.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };

interface Scene extends Stage {
  /** Images for amd64 and arm64. */
  readonly one: StoredImage;
  readonly other: StoredImage;
}

/** Images for two platforms in two repositories, and an index of both with an attestation of the first. */
async function scene(test: TestContext): Promise<Scene> {
  const at = await stage(test);
  const layers = [await tarOf(file('a', 'one'))];
  const one = imageOf({ layers });
  const features = { variant: 'v8', 'os.features': ['sse4'] };
  const other = imageOf({ layers, config: { architecture: 'arm64', ...features } });
  await put(at, 'one', one);
  await put(at, 'other', other);
  const entries = [
    { image: one, entry: { platform: amd64, 'vnd.acme.unknown': true } },
    { image: other, entry: { platform: arm64 } },
    attestationOf(one),
  ];
  await putIndex(at, 'index', entries, { annotations: { i: '1' }, 'vnd.acme.unknown': [1] });
  return { ...at, one, other };
}

async function entriesAt({ client }: Stage, reference: string): Promise<readonly Descriptor[]> {
  const { body } = await client.getManifest(reference);
  assert.ok(body.kind === 'index');
  return body.manifests;
}

async function documentAt({ client }: Stage, reference: string): Promise<Record<string, unknown>> {
  return JSON.parse(new TextDecoder().decode((await client.getManifest(reference)).bytes));
}

/** The platforms of the entries as text; `-` without one. */
async function platformsAt(at: Stage, reference: string): Promise<readonly string[]> {
  return (await entriesAt(at, reference)).map(({ platform }) =>
    platform === undefined ? '-' : formatPlatform(platform),
  );
}

/** The line of an entry in a listing. */
function line(digest: string, { mediaType, platform }: Descriptor): string {
  return `${digest.padEnd(70)} ${mediaType} ${platform === undefined ? '-' : formatPlatform(platform)}`;
}

async function run(...words: readonly string[]): Promise<Ended> {
  const ended = await gantry(words);
  assert.equal(ended.code, 0, ended.stderr);
  return ended;
}

/** Runs a command that has to fail with one line, and without any request that writes. */
async function refused(at: Stage, code: number, ...words: readonly string[]): Promise<string> {
  const asked = at.registry.requests.length;
  const ended = await gantry(words);
  assert.equal(ended.code, code, `${words.join(' ')}: ${ended.stderr}`);
  assert.equal(ended.stdout, '');
  assert.equal(ended.stderr.trimEnd().split('\n').length, 1, ended.stderr);
  const writes = at.registry.requests.slice(asked).filter(({ method }) => !['GET', 'HEAD'].includes(method));
  assert.deepEqual(writes, []);
  if (code === 2) assert.equal(at.registry.requests.length, asked);
  return ended.stderr;
}

describe('making an index', () => {
  // id: T58
  it('An index of a docker and an OCI image keeps their types, names their platforms and no artifactType.', async (test) => {
    const at = await scene(test);
    const docker = imageOf({ family: 'docker', layers: [await tarOf(file('b', 'two'))] });
    await put(at, 'docker', docker);
    const { host } = at;
    const ended = await run('index', 'create', `${host}/docker:1`, `${host}/other:1`, '-t', `${host}/made:1`);
    const made = await entriesAt(at, `${host}/made:1`);
    assert.deepEqual(made, [
      { ...docker.manifest.descriptor, platform: amd64 },
      {
        ...at.other.manifest.descriptor,
        platform: { ...arm64, variant: 'v8', 'os.features': ['sse4'] },
      },
    ]);
    assert.equal(ended.stdout, `${host}/made@${(await at.client.getDescriptor(`${host}/made:1`)).digest}\n`);
    assert.match(ended.stderr, /docker's media types and of OCI's/);
    assert.deepEqual(await findings(at, `${host}/made:1`), []);
  });

  // id: T59
  it('An image that is named twice, or is there already, has one entry.', async (test) => {
    const at = await scene(test);
    const one = `${at.host}/one:1`;
    await run('index', 'create', one, one, '-m', one, '-t', `${at.host}/made:1`);
    const before = await at.client.getDescriptor(`${at.host}/made:1`);
    assert.equal((await entriesAt(at, `${at.host}/made:1`)).length, 1);
    const ended = await run('index', 'append', `${at.host}/made:1`, '-m', one);
    assert.equal(ended.stdout, `${at.host}/made@${before.digest}\n`);
  });

  it('An artifact gets its artifactType and no platform.', async (test) => {
    const at = await scene(test);
    const artifact = imageOf({ layers: [] });
    const text = new TextDecoder().decode(artifact.manifest.bytes);
    const bytes = new TextEncoder().encode(text.replace('vnd.oci.image.config.v1+json', 'vnd.acme.chart'));
    const chart = { ...artifact, manifest: manifestOfBytes(bytes, MediaType.ociManifest) };
    await put(at, 'chart', chart);
    await run('index', 'create', `${at.host}/chart:1`, '-t', `${at.host}/made:1`);
    assert.deepEqual(await entriesAt(at, `${at.host}/made:1`), [
      { ...chart.manifest.descriptor, artifactType: 'application/vnd.acme.chart' },
    ]);
  });

  it('An index has the annotations, the artifactType and the subject that the command gives it, and so have its entries.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    const { digest } = await at.client.getDescriptor(`${host}/one:1`);
    const ofIndex = [
      '--artifact-type',
      'application/vnd.acme.set',
      '--subject',
      `${host}/one:1`,
      '-a',
      'i=1',
    ];
    const ofEntry = ['--entry-annotation', 'e=1', '--entry-platform', 'linux/arm/v7'];
    await run('index', 'create', `${host}/one:1`, ...ofIndex, ...ofEntry, '--repo', `${host}/one`);
    const referrers = await listOf(at.client.referrers(`${host}/one:1`));
    assert.deepEqual(
      referrers.map(({ artifactType, annotations }) => [artifactType, annotations]),
      [['application/vnd.acme.set', { i: '1' }]],
    );
    const made = `${host}/one@${referrers[0]?.digest}`;
    const { body } = await at.client.getManifest(made);
    assert.ok(body.kind === 'index');
    assert.equal(body.subject?.digest, digest);
    const [entry] = body.manifests;
    assert.deepEqual(entry?.annotations, { e: '1' });
    assert.deepEqual(entry?.platform, { os: 'linux', architecture: 'arm', variant: 'v7' });
  });

  it('--docker-empty-base makes a docker manifest list, which takes no other members.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    const words = ['index', 'append', '-m', `${host}/one:1`, '--docker-empty-base', '-t', `${host}/made:1`];
    await run(...words);
    assert.equal((await at.client.getManifest(`${host}/made:1`)).descriptor.mediaType, MediaType.dockerList);
    for (const more of [
      ['-a', 'i=1'],
      ['--artifact-type', 'a/b'],
    ])
      assert.match(await refused(at, 2, ...words, ...more), /docker's manifest lists have no/);
  });

  it('A new index needs images and a place, and refuses contradictions before any request.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    const one = `${host}/one:1`;
    await refused(at, 2, 'index', 'create', '-t', `${host}/made:1`);
    await refused(at, 2, 'index', 'create', one);
    await refused(at, 2, 'index', 'create', one, '-t', `${host}/made:1`, '--repo', `${host}/made`);
    await refused(at, 2, 'index', 'create', one, '-t', `${host}/made:1`, '--entry-platform', 'linux');
    await refused(at, 2, 'index', 'create', one, '-t', `${host}/made:1`, '--entry-annotation', 'a-');
    await refused(at, 2, 'index', 'create', one, '-t', `${host}/made:1`, '--flatten', '--no-flatten');
    await refused(at, 2, 'index', 'append', `${host}/index:1`, one, '--docker-empty-base');
    await refused(at, 3, 'index', 'create', `${host}/none:1`, '-t', `${host}/made:1`);
    await refused(at, 3, 'index', 'create', './none.tar', '-t', `${host}/made:1`);
  });
});

describe('adding to an index', () => {
  it('Other entries, annotations and unknown members stay, and blobs of the same registry are mounted.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    const before = await documentAt(at, `${host}/index:1`);
    const more = imageOf({ layers: [await tarOf(file('c', 'three'))], config: { architecture: 's390x' } });
    await put(at, 'more', more);
    const asked = at.registry.requests.length;
    await run('index', 'append', `${host}/index:1`, `${host}/more:1`, '-a', 'j=2');
    const { manifests, annotations, ...others } = await documentAt(at, `${host}/index:1`);
    const { manifests: old, annotations: _, ...same } = before;
    assert.ok(Array.isArray(manifests) && Array.isArray(old));
    assert.deepEqual([others, annotations], [same, { i: '1', j: '2' }]);
    assert.deepEqual(manifests.slice(0, 3), old);
    assert.deepEqual(manifests[3]?.platform, { architecture: 's390x', os: 'linux' });
    const uploads = at.registry.requests.slice(asked).filter(({ method }) => method === 'POST');
    assert.ok(uploads.length > 0 && uploads.every(({ url }) => url.includes('mount=')));
    assert.deepEqual(await findings(at, `${host}/index:1`), []);
  });

  it('The images of an index are added with their attestations, and --no-flatten adds the index itself.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    const made = `${host}/made:1`;
    await run('index', 'create', `${host}/index:1`, '-t', made);
    const before = await documentAt(at, `${host}/index:1`);
    const after = await documentAt(at, made);
    assert.deepEqual(after['manifests'], before['manifests']);
    await run('index', 'create', `${host}/index:1`, '--flatten=false', '-t', `${host}/nested:1`);
    await run('index', 'create', `${host}/index:1`, '--no-flatten', '-t', `${host}/nested:2`);
    for (const tag of ['1', '2']) {
      const [entry, ...others] = await entriesAt(at, `${host}/nested:${tag}`);
      assert.deepEqual([entry?.mediaType, entry?.platform, others], [MediaType.ociIndex, undefined, []]);
      assert.deepEqual(await findings(at, `${host}/nested:${tag}`), []);
    }
  });

  it('--platform adds only these images of an index, with their attestations.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    await run('index', 'create', `${host}/index:1`, '--platform', 'linux/amd64', '-t', `${host}/made:1`);
    assert.deepEqual(await platformsAt(at, `${host}/made:1`), ['linux/amd64', 'unknown/unknown']);
    await refused(
      at,
      3,
      'index',
      'create',
      `${host}/one:1`,
      '--platform',
      'linux/s390x',
      '-t',
      `${host}/x:1`,
    );
  });

  it('A second image for a platform is added with a note that clients take the first.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    await put(at, 'newer', imageOf({ layers: [await tarOf(file('a', 'newer'))] }));
    const { stderr } = await run('index', 'append', `${host}/index:1`, `${host}/newer:1`);
    assert.match(stderr, /an image for linux\/amd64 before .* clients take the first/);
  });

  it('A base that is an image is refused with the next step.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    for (const words of [
      ['append', `${host}/one:1`, `${host}/other:1`],
      ['filter', `${host}/one:1`, '--platform', 'linux'],
      ['remove', `${host}/one:1`, '--platform', 'linux/amd64'],
      ['list', `${host}/one:1`],
    ])
      assert.match(await refused(at, 1, 'index', ...words), /is an image and no index.*gantry index create/);
  });

  it('--dry-run prints the digest and writes nothing, and a base by digest moves no tag.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    const { digest } = await at.client.getDescriptor(`${host}/index:1`);
    await put(at, 'more', imageOf({ layers: [], config: { architecture: 's390x' } }));
    const words = ['index', 'append', '-m', `${host}/more:1`];
    const asked = at.registry.requests.length;
    const planned = await run(...words, `${host}/index@${digest}`, '--dry-run');
    assert.ok(at.registry.requests.slice(asked).every(({ method }) => method === 'GET' || method === 'HEAD'));
    const written = await run(...words, `${host}/index@${digest}`);
    assert.equal(written.stdout, planned.stdout);
    assert.equal((await at.client.getDescriptor(`${host}/index:1`)).digest, digest);
    assert.equal((await entriesAt(at, written.stdout.trim())).length, 4);
  });
});

describe('removing from an index', () => {
  // id: T60
  it('A filter that matches nothing is refused, and nothing is pushed.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    const said = await refused(at, 3, 'index', 'filter', `${host}/index:1`, '--platform', 'windows');
    assert.match(said, /no entry for platform windows; it has linux\/amd64, linux\/arm64/);
    await refused(at, 3, 'index', 'filter', `${host}/index:1`, '--platform', 'linux/amd64,linux/s390x');
    await refused(at, 2, 'index', 'filter', `${host}/index:1`);
    await refused(at, 2, 'index', 'filter', `${host}/index:1`, '--platform', 'linux//');
    assert.equal((await entriesAt(at, `${host}/index:1`)).length, 3);
  });

  // id: T61
  it('Two platforms of a filter, also with a comma between them, keep two images.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    const more = { ...arm64, architecture: 's390x' };
    const third = imageOf({ layers: [], config: { architecture: 's390x' } });
    const entries = [
      { image: at.one, entry: { platform: amd64 } },
      { image: at.other, entry: { platform: arm64 } },
      { image: third, entry: { platform: more } },
    ];
    await putIndex(at, 'three', entries);
    const filter = ['index', 'filter', `${host}/three:1`, '-t', `${host}/two:1`];
    await run(...filter, '--platform', 'linux/amd64,linux/s390x');
    assert.deepEqual(await platformsAt(at, `${host}/two:1`), ['linux/amd64', 'linux/s390x']);
    await run(...filter, '--platform', 'linux/arm64', '--platform', 'linux/s390x', '-a', 'only=two');
    assert.deepEqual(await platformsAt(at, `${host}/two:1`), ['linux/arm64', 'linux/s390x']);
    await run(...filter, '--platform', 'linux');
    assert.equal((await entriesAt(at, `${host}/two:1`)).length, 3);
  });

  // id: T62
  it('An attestation stays with its image, and goes with it.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    const index = `${host}/index:1`;
    await run('index', 'filter', index, '--platform', 'linux/amd64', '-t', `${host}/kept:1`);
    assert.deepEqual(await platformsAt(at, `${host}/kept:1`), ['linux/amd64', 'unknown/unknown']);
    await run('index', 'filter', index, '--platform', 'linux/arm64', '-t', `${host}/gone:1`);
    assert.deepEqual(await platformsAt(at, `${host}/gone:1`), ['linux/arm64']);
    await run('index', 'remove', index, '--platform', 'linux/amd64', '-t', `${host}/gone:2`);
    assert.deepEqual(await platformsAt(at, `${host}/gone:2`), ['linux/arm64']);
    await run('index', 'remove', index, '--platform', 'linux/arm64', '-t', `${host}/kept:2`);
    assert.deepEqual(await platformsAt(at, `${host}/kept:2`), ['linux/amd64', 'unknown/unknown']);
    for (const name of ['kept:1', 'gone:1', 'kept:2', 'gone:2'])
      assert.deepEqual(await findings(at, `${host}/${name}`), []);
  });

  it('A platform to remove matches exactly, and an entry can be removed by its digest.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    const newer = imageOf({ layers: [], config: { variant: 'v2' } });
    const entries = [
      { image: at.one, entry: { platform: amd64 } },
      { image: newer, entry: { platform: { ...amd64, variant: 'v2' } } },
      { image: at.other, entry: { platform: arm64 } },
    ];
    await putIndex(at, 'three', entries);
    await run('index', 'remove', `${host}/three:1`, '--platform', 'linux/amd64', '-t', `${host}/two:1`);
    assert.deepEqual(await platformsAt(at, `${host}/two:1`), ['linux/amd64/v2', 'linux/arm64']);
    const { digest } = at.one.manifest.descriptor;
    await run('index', 'remove', `${host}/three:1`, '--digest', digest, '-a', 'a=b', '-t', `${host}/two:2`);
    assert.deepEqual(await platformsAt(at, `${host}/two:2`), ['linux/amd64/v2', 'linux/arm64']);
    await refused(at, 3, 'index', 'remove', `${host}/two:1`, '--digest', digest);
    await refused(at, 3, 'index', 'remove', `${host}/two:1`, '--platform', 'linux/amd64');
    await refused(at, 2, 'index', 'remove', `${host}/two:1`);
    await refused(at, 2, 'index', 'remove', `${host}/two:1`, '--digest', 'sha256:1');
    await refused(at, 2, 'index', 'remove', `${host}/two:1`, '--platform', 'linux');
  });

  it('The last entry stays.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    const all = ['--platform', 'linux/amd64,linux/arm64'];
    assert.match(await refused(at, 1, 'index', 'remove', `${host}/index:1`, ...all), /nothing would be left/);
  });

  it('An entry without a platform is judged by the config of its image.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    const entries = [
      { image: at.one, entry: {} },
      { image: at.other, entry: {} },
    ];
    await putIndex(at, 'plain', entries);
    await run('index', 'filter', `${host}/plain:1`, '--platform', 'linux/arm64');
    const [entry, ...others] = await entriesAt(at, `${host}/plain:1`);
    assert.deepEqual([entry?.digest, others], [at.other.manifest.descriptor.digest, []]);
  });
});

describe('listing an index', () => {
  it('The entries have the columns of crane, and nested indexes are listed on request.', async (test) => {
    const at = await scene(test);
    const { host } = at;
    await run(
      'index',
      'create',
      '--no-flatten',
      `${host}/index:1`,
      `${host}/one:1`,
      '-t',
      `${host}/nested:1`,
    );
    const [outer, image] = await entriesAt(at, `${host}/nested:1`);
    const inner = await entriesAt(at, `${host}/index:1`);
    assert.ok(outer !== undefined && image !== undefined);
    const header = `${'Digest'.padEnd(70)} ${'MediaType'.padEnd(20)} Platform`;
    const { stdout } = await run('index', 'list', `${host}/nested:1`);
    assert.deepEqual(stdout.trimEnd().split('\n'), [
      header,
      line(outer.digest, outer),
      line(image.digest, image),
    ]);
    const { stdout: all } = await run('index', 'list', '--recursive', `${host}/nested:1`);
    assert.deepEqual(all.trimEnd().split('\n'), [
      header,
      line(outer.digest, outer),
      ...inner.map((entry) => line(`  ${entry.digest}`, entry)),
      line(image.digest, image),
    ]);
    const { stdout: json } = await run('index', 'list', '-r', '--json', `${host}/nested:1`);
    const listed = JSON.parse(json);
    assert.equal(listed.manifests[0].manifests.length, 3);
    assert.equal(listed.manifests[1].digest, image.digest);
  });
});
