import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { collectContent } from '../../src/flow/collect.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { gantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { type BuildStage, buildStage, type Files, npmApp } from './stage.ts';

const hash = Buffer.alloc(64, 7);

/** A lockfile of npm with the hash of one package. */
const locked: Files = {
  ...npmApp,
  'node_modules/a/package.json': JSON.stringify({
    name: 'a',
    version: '1.0.0',
    license: '(MIT OR Apache-2.0)',
    dependencies: { b: '2' },
  }),
  'node_modules/a/node_modules/b/package.json': JSON.stringify({
    name: 'b',
    version: '2.0.0',
    license: 'SEE LICENSE IN file',
  }),
  'package-lock.json': JSON.stringify({
    lockfileVersion: 3,
    packages: {
      '': { name: 'web' },
      'node_modules/a': {
        version: '1.0.0',
        resolved: 'https://user:password@packages.test/a/-/a-1.0.0.tgz?token=1',
        integrity: `sha1-AAAA sha512-${hash.toString('base64')}`,
      },
    },
  }),
};

/** Builds with a bill of materials, and returns the artifact's descriptor and its document. */
async function billed(at: BuildStage, form: string, place = at.app) {
  const ended = await gantry(['build', at.home, '-b', at.base, '-t', place, '--sbom', form, '--json']);
  assert.equal(ended.code, 0, ended.stderr);
  const { descriptor, sbom } = JSON.parse(ended.stdout);
  const { body } = await at.client.getManifest(`${at.host}/app@${sbom.digest}`);
  assert.ok(body.kind === 'image');
  assert.equal(body.subject?.digest, descriptor.digest);
  const [layer] = body.layers;
  const content = at.client.openBlob(`${at.host}/app@${layer?.digest}`);
  const bytes = await collectContent(content, { limit: 1e6, what: 'the document' });
  return { artifactType: body.artifactType, document: JSON.parse(new TextDecoder().decode(bytes)), sbom };
}

describe('the bill of materials of a build', () => {
  it('SPDX 2.3 has every required member, the packages of the image, and their hashes from package-lock.json.', async (test) => {
    const at = await buildStage(test);
    await at.write(locked);
    const { artifactType, document } = await billed(at, 'spdx');
    assert.equal(artifactType, 'application/spdx+json');
    assert.equal(document.spdxVersion, 'SPDX-2.3');
    assert.equal(document.dataLicense, 'CC0-1.0');
    assert.equal(document.SPDXID, 'SPDXRef-DOCUMENT');
    assert.equal(document.name, 'web');
    assert.match(document.documentNamespace, /^https:\/\/[^#]+$/);
    assert.deepEqual(document.creationInfo, { created: '1970-01-01T00:00:00Z', creators: ['Tool: gantry'] });
    const about = document.packages.map(({ name, versionInfo, licenseDeclared, downloadLocation }: never) => [
      name,
      versionInfo,
      licenseDeclared,
      downloadLocation,
    ]);
    assert.deepEqual(about, [
      ['web', '1.0.0', 'NOASSERTION', 'NOASSERTION'],
      ['a', '1.0.0', '(MIT OR Apache-2.0)', 'https://packages.test/a/-/a-1.0.0.tgz'],
      ['b', '2.0.0', 'NOASSERTION', 'NOASSERTION'],
    ]);
    const [, a] = document.packages;
    assert.deepEqual(a.checksums, [{ algorithm: 'SHA512', checksumValue: hash.toString('hex') }]);
    assert.deepEqual(a.externalRefs, [
      { referenceCategory: 'PACKAGE-MANAGER', referenceType: 'purl', referenceLocator: 'pkg:npm/a@1.0.0' },
    ]);
    const ids = new Set(document.packages.map(({ SPDXID }: never) => SPDXID));
    for (const id of ids) assert.match(String(id), /^SPDXRef-[A-Za-z0-9.-]+$/);
    assert.equal(ids.size, 3);
    assert.deepEqual(
      document.relationships.map((one: Record<string, string>) => Object.values(one).join(' ')),
      [
        'SPDXRef-DOCUMENT DESCRIBES SPDXRef-web-1.0.0',
        'SPDXRef-web-1.0.0 DEPENDS_ON SPDXRef-a-1.0.0',
        'SPDXRef-a-1.0.0 DEPENDS_ON SPDXRef-b-2.0.0',
      ],
    );
  });

  it('CycloneDX 1.6 has every required member, and the hashes from pnpm-lock.yaml.', async (test) => {
    const at = await buildStage(test);
    const { 'package-lock.json': _, ...files } = locked;
    const lockfile = `lockfileVersion: '9.0'\npackages:\n  a@1.0.0:\n    resolution: {integrity: sha512-${hash.toString('base64')}}\n`;
    await at.write({ ...files, 'pnpm-lock.yaml': lockfile });
    const { artifactType, document } = await billed(at, 'cyclonedx');
    assert.equal(artifactType, 'application/vnd.cyclonedx+json');
    const { bomFormat, specVersion, version, serialNumber, metadata, components, dependencies } = document;
    assert.deepEqual([bomFormat, specVersion, version], ['CycloneDX', '1.6', 1]);
    assert.match(serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/);
    assert.equal(metadata.timestamp, '1970-01-01T00:00:00Z');
    assert.equal(metadata.component.type, 'application');
    assert.deepEqual(components[0], {
      type: 'library',
      'bom-ref': 'pkg:npm/a@1.0.0',
      name: 'a',
      version: '1.0.0',
      hashes: [{ alg: 'SHA-512', content: hash.toString('hex') }],
      licenses: [{ expression: '(MIT OR Apache-2.0)' }],
      purl: 'pkg:npm/a@1.0.0',
    });
    assert.deepEqual(components[1].licenses, [{ license: { name: 'SEE LICENSE IN file' } }]);
    assert.deepEqual(dependencies, [
      { ref: 'app', dependsOn: ['pkg:npm/a@1.0.0'] },
      { ref: 'pkg:npm/a@1.0.0', dependsOn: ['pkg:npm/b@2.0.0'] },
      { ref: 'pkg:npm/b@2.0.0' },
    ]);
  });

  it('It is a referrer of the image, the same one for the same build, in a registry and in a layout.', async (test) => {
    const at = await buildStage(test);
    await at.write(locked);
    const one = await billed(at, 'spdx');
    const two = await billed(at, 'spdx');
    assert.equal(one.sbom.digest, two.sbom.digest);
    const found: string[] = [];
    for await (const { digest, artifactType } of at.client.referrers(at.app))
      found.push(`${digest} ${artifactType}`);
    assert.deepEqual(found, [`${one.sbom.digest} application/spdx+json`]);
    const layout = `oci:${join(await folder(test), 'layout')}:1`;
    const { sbom } = await at.client.build(at.home, { base: at.base, to: layout, sbom: 'spdx' });
    const there: string[] = [];
    for await (const { digest } of at.client.referrers(layout)) there.push(digest);
    assert.deepEqual(there, [sbom?.digest]);
    const archive = join(await folder(test), 'web.tar');
    const ended = await gantry([
      'build',
      at.home,
      '-b',
      at.base,
      '-t',
      'web:1',
      '-o',
      `oci-archive:${archive}`,
      '--sbom',
      'spdx',
    ]);
    assert.equal(ended.code, 0, ended.stderr);
    const inArchive: string[] = [];
    for await (const { digest } of at.client.referrers(`oci-archive:${archive}:1`)) inArchive.push(digest);
    assert.deepEqual(inArchive, [sbom?.digest]);
  });

  it('A folder without packages, a docker archive, and a malformed lockfile are refused, and nothing is written.', async (test) => {
    const at = await buildStage(test);
    await at.write({ run: '#!/bin/sh\n' });
    const options = { base: at.base, to: at.app, sbom: 'spdx' } as const;
    await failsWith(at.client.build(at.home, { ...options, entrypoint: ['/app/run'] }), 'INVALID_OPTION');
    await at.write(locked);
    const archive = `docker-archive:${join(at.home, 'a.tar')}`;
    await failsWith(at.client.build(at.home, { ...options, to: archive }), 'INVALID_OPTION');
    await at.write({ 'package-lock.json': '{' });
    await failsWith(at.client.build(at.home, options), 'MANIFEST_INVALID');
    assert.equal(await at.client.exists(at.app), false);
  });
});
