import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { RunningRegistry } from '../../bench/support/distribution.ts';
import { output } from '../../bench/support/programs.ts';
import {
  createClient,
  createNodeTransport,
  createRemoteRegistry,
  type Descriptor,
  parseDigest,
} from '../../src/index.ts';
import { folder } from '../folder.ts';
import { needs } from '../peer.ts';
import { gzipLayer, imageOf, partsInLayout } from './images.ts';
import { type RegistryKind, registries } from './registries.ts';

/** Artifacts and referrers of oras. distribution 2.8 has no referrers API, so oras keeps them under a tag. */

const artifactType = 'application/vnd.example.note';
const image = await imageOf('amd64', [await gzipLayer('subject')]);

for (const kind of registries) {
  describe(`artifacts of oras at ${kind.name}`, needs('oras', ...kind.needs), () => {
    artifacts(kind);
  });
}

function artifacts(kind: RegistryKind): void {
  const client = createClient();
  const transport = createNodeTransport();
  let registry: RunningRegistry;
  before(async () => {
    registry = await kind.start();
  });
  after(async () => {
    await client[Symbol.asyncDispose]();
    await transport.close();
    await registry[Symbol.asyncDispose]();
  });

  it('gantry lists what oras attached to an image', async (test) => {
    const reference = `${registry.host}/acme/app:1`;
    const { digest } = await client.pushImage(reference, image);
    const note = join(await folder(test), 'note.txt');
    await writeFile(note, 'well done');
    const attached: { readonly digest: string } = JSON.parse(
      await output('oras', [
        'attach',
        '--plain-http',
        '--disable-path-validation',
        '--format=json',
        `--artifact-type=${artifactType}`,
        '--annotation=com.example.author=someone',
        reference,
        `${note}:text/plain`,
      ]),
    );
    const found: Descriptor[] = [];
    const base = `http://${registry.host}`;
    const remote = createRemoteRegistry({ base, send: transport.send });
    const repository = remote.repository('acme/app');
    for await (const descriptor of repository.referrers(parseDigest(digest))) found.push(descriptor);
    assert.deepEqual(
      found.map(({ digest, artifactType, annotations }) => ({
        digest,
        artifactType,
        author: annotations?.['com.example.author'],
      })),
      [{ digest: attached.digest, artifactType, author: 'someone' }],
    );
  });

  it('gantry pulls and copies a file that oras pushed', async (test) => {
    const reference = `${registry.host}/acme/file:1`;
    const home = await folder(test);
    await writeFile(join(home, 'file.bin'), Buffer.alloc(100_000, 'gantry'));
    const pushed: { readonly digest: string } = JSON.parse(
      await output('oras', [
        'push',
        '--plain-http',
        '--disable-path-validation',
        '--format=json',
        `--artifact-type=${artifactType}`,
        reference,
        join(home, 'file.bin'),
      ]),
    );
    const copy = `${registry.host}/copied/file:1`;
    assert.equal((await client.copy(reference, copy)).digest, pushed.digest);
    await client.pull([copy], join(home, 'layout'), { format: 'oci' });
    assert.equal((await partsInLayout(join(home, 'layout'))).root, pushed.digest);
  });
}
