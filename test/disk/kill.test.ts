import assert from 'node:assert/strict';
import { randomBytes, randomInt } from 'node:crypto';
import { describe, it } from 'node:test';
import { checkStore } from '../../src/disk/check.ts';
import {
  type Blob,
  blobOf,
  imageOf,
  newStore,
  pushBlob,
  pushManifest,
  served,
  serveStore,
  statusOf,
  together,
} from './server.ts';

/** GANTRY_KILL_ROUNDS sets a higher number. */
const rounds = Number(process.env['GANTRY_KILL_ROUNDS'] ?? 2);

/** The acknowledged content of one repository. */
interface Acknowledged {
  readonly blobs: Map<string, Blob>;
  readonly manifests: Map<string, Blob>;
  readonly tags: Map<string, Blob>;
  /** The referrers of each subject. */
  readonly referrers: Map<string, Set<string>>;
}

describe('a server that is killed at any moment', () => {
  it(`a killed server has everything that it acknowledged after its next start, ${rounds} times`, async (test) => {
    const store = await newStore(test);
    const all = new Map<string, Acknowledged>();
    for (let round = 0; round < rounds; round++) {
      const server = await serveStore(test, store);
      const counts = { acknowledged: 0 };
      const wanted = randomInt(5, 40);
      const load = together(8, async (n) => {
        const name = `load/r${n % 3}`;
        const told = all.get(name) ?? nothing();
        all.set(name, told);
        while (await push(server.url, name, told, n)) {
          counts.acknowledged++;
          // The kill comes in the middle of the other requests.
          if (counts.acknowledged >= wanted) void server.kill();
        }
      });
      await load;
      await server.kill();
    }
    const server = await serveStore(test, store);
    for (const [name, told] of all) await verify(server.url, name, told);
    assert.deepEqual((await checkStore(store)).findings, []);
    await server.kill('SIGTERM');
    assert.deepEqual((await checkStore(store)).findings, []);
  });

  it('a killed server continues an upload at the acknowledged offset', async (test) => {
    const store = await newStore(test);
    const blob = blobOf(randomBytes(900_000));
    const first = await serveStore(test, store);
    const begun = await fetch(`${first.url}/v2/app/blobs/uploads/`, { method: 'POST' });
    const location = begun.headers.get('location') ?? '';
    const sent = await fetch(`${first.url}${location}`, {
      method: 'PATCH',
      headers: { 'content-type': 'application/octet-stream' },
      body: blob.bytes.subarray(0, 500_000),
    });
    assert.equal(sent.status, 202);
    await first.kill();

    const second = await serveStore(test, store);
    const there = await fetch(`${second.url}${location}`);
    assert.equal(there.status, 204);
    assert.equal(there.headers.get('range'), '0-499999');
    const closed = await statusOf(`${second.url}${location}?digest=${blob.digest}`, {
      method: 'PUT',
      headers: { 'content-type': 'application/octet-stream', 'content-range': '500000-899999' },
      body: blob.bytes.subarray(500_000),
    });
    assert.equal(closed, 201);
    assert.equal(await served(second.url, `app/blobs/${blob.digest}`), blob.digest);
  });
});

function nothing(): Acknowledged {
  return { blobs: new Map(), manifests: new Map(), tags: new Map(), referrers: new Map() };
}

/** Pushes one image with a tag and a referrer. Returns false when the server is gone. */
async function push(url: string, name: string, told: Acknowledged, n: number): Promise<boolean> {
  const layer = blobOf(randomBytes(randomInt(1, 200_000)));
  const config = blobOf(`{"n":${n}}`);
  for (const blob of [config, layer]) {
    if ((await pushBlob(url, name, blob)) !== 201) return false;
    told.blobs.set(blob.digest, blob);
  }
  const image = imageOf([config, layer]);
  // Each push has its own tag, so the last acknowledged content must be there.
  const tag = `t${n}-${randomInt(1_000_000)}`;
  if ((await pushManifest(url, name, tag, image)) !== 201) return false;
  told.manifests.set(image.digest, image);
  told.tags.set(tag, image);
  const subject = {
    mediaType: 'application/vnd.oci.image.manifest.v1+json',
    digest: image.digest,
    size: image.bytes.byteLength,
  };
  const note = imageOf([config], { subject, artifactType: 'application/x-note' });
  if ((await pushManifest(url, name, note.digest, note)) !== 201) return false;
  told.manifests.set(note.digest, note);
  const referrers = told.referrers.get(image.digest) ?? new Set();
  told.referrers.set(image.digest, referrers.add(note.digest));
  return true;
}

async function verify(url: string, name: string, told: Acknowledged): Promise<void> {
  for (const { digest } of told.blobs.values())
    assert.equal(await served(url, `${name}/blobs/${digest}`), digest);
  for (const { digest } of told.manifests.values()) {
    assert.equal(await served(url, `${name}/manifests/${digest}`), digest);
  }
  for (const [tag, { digest }] of told.tags)
    assert.equal(await served(url, `${name}/manifests/${tag}`), digest);
  for (const [subject, notes] of told.referrers) {
    const response = await fetch(`${url}/v2/${name}/referrers/${subject}`);
    const listed = JSON.stringify(await response.json());
    for (const digest of notes) assert.ok(listed.includes(digest), `${digest} is a referrer of ${subject}`);
  }
}
