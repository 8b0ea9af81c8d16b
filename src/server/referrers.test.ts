import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { createMemoryRegistry } from '../memory/registry.ts';
import { parseNextLink } from '../wire/headers.ts';
import { createApp } from './app.ts';
import {
  type Ask,
  asking,
  assertRefused,
  digestText,
  ociIndex,
  ociManifest,
  pushImage,
} from './ask.test.support.ts';

const subject = { mediaType: ociManifest, digest: digestText('subject'), size: 7 };

function newRegistry(): Ask {
  return asking(createApp(createMemoryRegistry()));
}

describe('end-12, GET of the referrers', () => {
  it('GET of the referrers is an empty index without referrers, even without the repository', async () => {
    const answer = await newRegistry()('GET', `/v2/a/referrers/${subject.digest}`);
    assert.equal(answer.status, 200);
    assert.equal(answer.header('content-type'), ociIndex);
    assert.deepEqual(JSON.parse(answer.text), { schemaVersion: 2, mediaType: ociIndex, manifests: [] });
    assert.equal(answer.header('oci-filters-applied'), undefined);
  });

  it('GET of the referrers lists each with its artifactType and annotations', async () => {
    const ask = newRegistry();
    const { digest, text } = await pushImage(ask, 'a', undefined, {
      subject,
      artifactType: 'application/x',
      annotations: { a: '1' },
    });
    const answer = await ask('GET', `/v2/a/referrers/${subject.digest}`);
    assert.deepEqual(JSON.parse(answer.text).manifests, [
      {
        mediaType: ociManifest,
        digest,
        size: text.length,
        artifactType: 'application/x',
        annotations: { a: '1' },
      },
    ]);
  });

  it('GET of the referrers filters by artifactType, where a config\u2019s type counts as one, and reports the filter', async () => {
    const ask = newRegistry();
    await pushImage(ask, 'a', undefined, { subject, artifactType: 'application/x' });
    const plain = await pushImage(ask, 'a', undefined, { subject });
    const query = '?artifactType=application%2Fvnd.example.config';
    const answer = await ask('GET', `/v2/a/referrers/${subject.digest}${query}`);
    assert.equal(answer.header('oci-filters-applied'), 'artifactType');
    const { manifests } = JSON.parse(answer.text);
    assert.equal(manifests.length, 1);
    assert.equal(manifests[0].digest, plain.digest);
  });

  it('GET of the referrers omits deleted ones', async () => {
    const ask = newRegistry();
    const { digest } = await pushImage(ask, 'a', undefined, { subject });
    await ask('DELETE', `/v2/a/manifests/${digest}`);
    const answer = await ask('GET', `/v2/a/referrers/${subject.digest}`);
    assert.deepEqual(JSON.parse(answer.text).manifests, []);
  });

  it('GET of the referrers comes in pages that clients can read, each referrer once', async () => {
    const ask = newRegistry();
    const annotations = { big: 'x'.repeat(900_000) };
    const pushed = new Set<string>();
    for (let at = 0; at < 5; at++) {
      const fields = { subject, annotations: { ...annotations, at: String(at) } };
      pushed.add((await pushImage(ask, 'a', undefined, fields)).digest);
    }
    const seen: string[] = [];
    let next: string | undefined = `/v2/a/referrers/${subject.digest}`;
    let pages = 0;
    while (next !== undefined) {
      const answer = await ask('GET', next);
      assert.ok(answer.bytes.byteLength < 4 * 1024 * 1024);
      for (const { digest } of JSON.parse(answer.text).manifests) seen.push(digest);
      next = parseNextLink(answer.lines('link'));
      pages++;
    }
    assert.ok(pages > 1);
    assert.deepEqual(seen.sort(), [...pushed].sort());
  });

  it('GET of the referrers refuses a subject that is no digest', async () => {
    assertRefused(await newRegistry()('GET', '/v2/a/referrers/sha256:bad'), 400, 'DIGEST_INVALID');
  });
});
