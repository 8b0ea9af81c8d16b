import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { MediaType } from '../../src/spec/media-type.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { gantry } from '../cli/gantry.ts';
import { file, imageOf, put, stage, tarOf } from '../edit/stage.ts';
import { folder } from '../folder.ts';

describe('unpacking what another tool would trust', () => {
  it('row 13: a manifest that is an index as well is refused', async (test) => {
    const image = imageOf({ layers: [await tarOf(file('a', 'one'))] });
    const document = { ...JSON.parse(new TextDecoder().decode(image.manifest.bytes)), manifests: [] };
    const headers = { 'content-type': MediaType.ociManifest };
    const answer = { status: 200, headers, body: JSON.stringify(document) };
    const registry = await startRegistry({
      faults: [{ when: { operation: 'manifest.get' }, effect: answer, times: 'always' }],
    });
    atEnd(test, () => registry.close());
    const { client } = await stage(test);
    const home = await folder(test);
    await failsWith(client.unpack(`${registry.host}/app:1`, join(home, 'out')), 'MANIFEST_INVALID');
    assert.deepEqual(await readdir(home), []);
  });

  it('row 14: the address in a layer is never asked, with or without credentials', async (test) => {
    const at = await stage(test);
    const elsewhere = await startRegistry();
    atEnd(test, () => elsewhere.close());
    const layer = { mediaType: MediaType.ociForeignLayerGzip, urls: [`${elsewhere.url}/v2/app/layer`] };
    const image = imageOf({ layers: [await tarOf(file('a', 'one'))], layer });
    const [config] = image.blobs;
    assert.ok(config);
    await put(at, 'app', { ...image, blobs: [config] });
    const home = await folder(test);
    await failsWith(at.client.unpack(`${at.host}/app:1`, join(home, 'out')), 'BLOB_UNKNOWN');
    assert.deepEqual(await readdir(home), []);
    assert.deepEqual(elsewhere.requests, []);
  });

  it('row 16: no program decompresses a layer', async (test) => {
    const at = await stage(test);
    const home = await folder(test);
    await put(at, 'app', imageOf({ layers: [await tarOf(file('a', 'one'))] }));
    const words = ['unpack', `${at.host}/app:1`, join(home, 'out')];
    const { code, stderr } = await gantry(words, { env: { PATH: join(home, 'none') } });
    assert.equal(code, 0, stderr);
    assert.equal(await readFile(join(home, 'out', 'a'), 'utf8'), 'one');
  });
});
