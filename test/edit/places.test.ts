import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isAttestation } from '../../src/spec/platform.ts';
import { failsWith, listOf } from '../../src/testing/contract/sample.ts';
import { gantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { attestationOf, file, findings, imageOf, put, putIndex, type Stage, stage, tarOf } from './stage.ts';

const amd64 = { os: 'linux', architecture: 'amd64' };
const arm64 = { os: 'linux', architecture: 'arm64' };

/** An index of two platforms, an attestation of the first, and an artifact that no platform selects. */
async function indexed(test: TestContext): Promise<Stage> {
  const at = await stage(test);
  const layers = [await tarOf(file('a', 'one'))];
  const one = imageOf({ layers });
  const other = imageOf({ layers, config: { architecture: 'arm64' } });
  const entries = [
    { image: one, entry: { platform: amd64, annotations: { of: 'one' }, 'vnd.acme.unknown': true } },
    { image: other, entry: { platform: arm64 } },
    attestationOf(one),
  ];
  await putIndex(at, 'index', entries, { annotations: { i: '1' }, 'vnd.acme.unknown': [1] });
  return at;
}

async function documentOf({ client }: Stage, reference: string) {
  const { bytes, body } = await client.getManifest(reference);
  const document: Record<string, unknown> = JSON.parse(new TextDecoder().decode(bytes));
  assert.ok(body.kind === 'index');
  return { document, manifests: body.manifests, annotations: body.annotations };
}

describe('changing an index', () => {
  it('Every image is changed, the attestation of a changed one is dropped with a warning, and all else stays.', async (test) => {
    const at = await indexed(test);
    const before = await documentOf(at, `${at.host}/index:1`);
    await at.client.edit(`${at.host}/index:1`, (image) => image.withConfig({ user: '5' }));
    const { document, manifests, annotations } = await documentOf(at, `${at.host}/index:1`);
    assert.deepEqual(annotations, { i: '1' });
    assert.deepEqual(document['vnd.acme.unknown'], [1]);
    assert.deepEqual(
      manifests.map(({ platform }) => platform),
      [amd64, arm64],
    );
    assert.deepEqual(manifests[0]?.annotations, { of: 'one' });
    for (const [entry, { digest }] of manifests.map(
      (entry, at) => [entry, before.manifests[at] ?? entry] as const,
    ))
      assert.notEqual(entry.digest, digest);
    assert.equal(at.warnings.length, 1);
    assert.match(at.warnings[0] ?? '', new RegExp(before.manifests[2]?.digest ?? 'none'));
    assert.deepEqual(await findings(at, `${at.host}/index:1`), []);
  });

  it('Attestations that are kept refer to the new digests.', async (test) => {
    const at = await indexed(test);
    await at.client.edit(`${at.host}/index:1`, (image) => image.withConfig({ user: '5' }), {
      keepAttestations: true,
    });
    const { manifests } = await documentOf(at, `${at.host}/index:1`);
    const attestation = manifests.find(isAttestation);
    assert.equal(attestation?.annotations?.['vnd.docker.reference.digest'], manifests[0]?.digest);
    assert.deepEqual(at.warnings, []);
  });

  it('A platform narrows the change, and the other images and their attestations stay.', async (test) => {
    const at = await indexed(test);
    const before = await documentOf(at, `${at.host}/index:1`);
    await at.client.edit(`${at.host}/index:1`, (image) => image.withConfig({ user: '5' }), {
      platforms: ['linux/arm64'],
      to: `${at.host}/copy:1`,
    });
    const { manifests } = await documentOf(at, `${at.host}/copy:1`);
    assert.deepEqual([manifests[0], manifests[2]], [before.manifests[0], before.manifests[2]]);
    assert.notEqual(manifests[1]?.digest, before.manifests[1]?.digest);
    assert.deepEqual(await findings(at, `${at.host}/copy:1`), []);
  });

  it('A platform that the index does not have ends the change, and nothing is written.', async (test) => {
    const at = await indexed(test);
    const edit = at.client.edit(`${at.host}/index:1`, (image) => image.withConfig({ user: '5' }), {
      platforms: ['linux/s390x'],
    });
    await failsWith(edit, 'MANIFEST_UNKNOWN');
    assert.equal(
      at.registry.requests.some(({ method }) => method === 'PUT'),
      false,
    );
  });

  it('The annotations of the index and the platforms in its entries follow the change.', async (test) => {
    const at = await indexed(test);
    await at.client.edit(`${at.host}/index:1`, (image) => image.withPlatform('linux/arm64/v8'), {
      platforms: ['linux/arm64'],
      indexAnnotations: { i: null, j: '2' },
    });
    const { manifests, annotations } = await documentOf(at, `${at.host}/index:1`);
    assert.deepEqual(annotations, { j: '2' });
    assert.deepEqual(manifests[1]?.platform, { ...arm64, variant: 'v8' });
  });

  it('A change without effect keeps the digest of the index.', async (test) => {
    const at = await indexed(test);
    const before = await at.client.getDescriptor(`${at.host}/index:1`);
    const { descriptor } = await at.client.edit(`${at.host}/index:1`, (image) =>
      image.withConfig({ labels: { none: null } }),
    );
    assert.equal(descriptor.digest, before.digest);
  });

  it('The images of a nested index are changed, too.', async (test) => {
    const at = await indexed(test);
    const { manifest } = { manifest: await at.client.getManifest(`${at.host}/index:1`) };
    await putIndex(at, 'index', [{ image: { manifest, blobs: [] }, entry: {} }]);
    await at.client.edit(`${at.host}/index:1`, (image) => image.withConfig({ user: '5' }));
    const { manifests } = await documentOf(at, `${at.host}/index:1`);
    assert.notEqual(manifests[0]?.digest, manifest.descriptor.digest);
    assert.equal((await documentOf(at, `${at.host}/index@${manifests[0]?.digest}`)).manifests.length, 2);
    assert.deepEqual(await findings(at, `${at.host}/index:1`), []);
  });
});

describe('the places of a change', () => {
  it('Only the config and the manifest are sent to the repository of the source.', async (test) => {
    const at = await stage(test);
    const layers = await Promise.all(['a', 'b', 'c'].map((name) => tarOf(file(name, name))));
    await put(at, 'app', imageOf({ layers }));
    await at.client.edit(`${at.host}/app:1`, (image) => image.withConfig({ user: '5' }));
    const sent = at.registry.requests.filter(({ method }) => method === 'PUT' || method === 'PATCH');
    assert.equal(sent.length, 2);
    assert.deepEqual(
      new Set(sent.map(({ operation }) => operation?.kind)),
      new Set(['manifest.put', 'upload.commit']),
    );
  });

  it('The layers are mounted into another repository of the registry.', async (test) => {
    const at = await stage(test);
    await put(at, 'app', imageOf({ layers: [await tarOf(file('a', 'one'))] }));
    await at.client.edit(`${at.host}/app:1`, (image) => image.withConfig({ user: '5' }), {
      to: `${at.host}/other:1`,
    });
    const sent = at.registry.requests.filter(({ method }) => method === 'PUT' || method === 'PATCH');
    assert.equal(sent.length, 2);
    assert.deepEqual(await findings(at, `${at.host}/other:1`), []);
  });

  it('A dry run prints the digest of the result and writes nothing.', async (test) => {
    const at = await stage(test);
    await put(at, 'app', imageOf({ layers: [await tarOf(file('a', 'one'))] }));
    const dry = await gantry(['mutate', '--dry-run', '-u', '5', `${at.host}/app:1`]);
    assert.equal(
      at.registry.requests.some(({ method }) => method !== 'GET' && method !== 'HEAD'),
      false,
    );
    assert.equal((await gantry(['mutate', '-u', '5', `${at.host}/app:1`])).stdout, dry.stdout);
  });

  it('An image goes through an archive and a layout, and is changed in place there.', async (test) => {
    const at = await stage(test);
    const directory = await folder(test);
    await put(at, 'app', imageOf({ layers: [await tarOf(file('a', 'one'))] }));
    const archive = join(directory, 'app.tar');
    const written = await gantry(['mutate', '-u', '5', '-o', archive, `${at.host}/app:1`]);
    assert.deepEqual([written.code, written.stdout], [0, '']);
    const layout = `oci:${join(directory, 'layout')}`;
    await at.client.edit(`docker-archive:${archive}`, (image) => image.withConfig({ labels: { a: 'b' } }), {
      to: `${layout}:1`,
    });
    await at.client.edit(layout, (image) => image.withConfig({ labels: { c: 'd' } }));
    const config = JSON.parse(new TextDecoder().decode(await at.client.getConfig(layout)));
    assert.deepEqual([config.config.User, config.config.Labels], ['5', { a: 'b', c: 'd' }]);
    assert.deepEqual(await findings(at, layout), []);
  });

  it('An image without a name in a layout is replaced, so that the layout still holds one.', async (test) => {
    const at = await stage(test);
    const layout = `oci:${join(await folder(test), 'layout')}`;
    const { digest } = await put(at, 'app', imageOf({ layers: [await tarOf(file('a', 'one'))] }));
    await at.client.copy(`${at.host}/app@${digest}`, layout);
    const { descriptor } = await at.client.edit(layout, (image) => image.withConfig({ user: '5' }));
    assert.equal((await at.client.getDescriptor(layout)).digest, descriptor.digest);
  });

  it('The tags of the registry stay when the result goes to a repository by digest.', async (test) => {
    const at = await stage(test);
    await put(at, 'app', imageOf({ layers: [] }));
    const ended = await gantry(['mutate', '-u', '5', '--repo', `${at.host}/other`, `${at.host}/app:1`]);
    assert.match(ended.stdout, /\/other@sha256:[0-9a-f]{64}\n$/);
    assert.deepEqual(await listOf(at.client.tags(`${at.host}/other`)), []);
  });
});
