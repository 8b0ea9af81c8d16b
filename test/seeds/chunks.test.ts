import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isGantryError } from '../../src/errors.ts';
import type { Content } from '../../src/flow/content.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { headerValue } from '../../src/wire/headers.ts';
import { changing, cutting, limits, refuse, refusing, withoutLocation } from './habits.ts';
import { assertThere, chunks, declined, open, sample } from './scene.ts';
import { answering, host, kindsOf, type Wire, wire } from './wire.ts';

/** Returns the headers of each PATCH and PUT about its range. */
function chunksOf(wired: Wire): readonly unknown[] {
  return wired.asked
    .filter(({ kind }) => kind === 'upload.append' || kind === 'upload.commit')
    .map(({ kind, headers, bytes }) => [
      kind === 'upload.append' ? 'PATCH' : 'PUT',
      headerValue(headers, 'content-range'),
      headerValue(headers, 'content-length'),
      bytes,
    ]);
}

describe('a blob in chunks', () => {
  // id: chunk-content-range
  it('each chunk has its Content-Range and its length', async () => {
    const wired = wire();
    await open(wired, chunks).blobs.write(sample.descriptor, sample.content);
    assert.deepEqual(chunksOf(wired), [
      ['PATCH', '0-9', '10', 10],
      ['PATCH', '10-19', '10', 10],
      ['PUT', '20-24', '5', 5],
    ]);
    await assertThere(wired);
  });

  // id: chunk-threshold
  it('a blob of exactly the threshold goes whole', async () => {
    const wired = wire();
    await open(wired, { ...chunks, chunkThreshold: 25 }).blobs.write(sample.descriptor, sample.content);
    assert.deepEqual(chunksOf(wired), [['PUT', undefined, '25', 25]]);
  });

  for (const [said, upload, expected] of [
    [{ 'oci-chunk-max-length': ['15'] }, {}, ['0-14', '15-24']],
    [{ 'oci-chunk-max-length': ['15'] }, chunks, ['0-9', '10-19', '20-24']],
    [{ 'oci-chunk-min-length': ['12'] }, chunks, ['0-11', '12-23', '24-24']],
    [{ 'oci-chunk-min-length': ['12'] }, { chunkSize: 10 }, ['0-11', '12-23', '24-24']],
    [{ 'oci-chunk-max-length': ['15'] }, { chunkThreshold: 100 }, ['0-14', '15-24']],
    [{ 'oci-chunk-max-length': ['soon'] }, {}, [undefined]],
  ] as const) {
    it(`chunks follow ${JSON.stringify(said)} with ${JSON.stringify(upload)}`, async () => {
      const wired = wire(limits(said));
      await open(wired, upload).blobs.write(sample.descriptor, sample.content);
      assert.deepEqual(
        wired.asked.slice(2).map(({ headers }) => headerValue(headers, 'content-range')),
        expected,
      );
      await assertThere(wired);
    });
  }

  for (const status of [416, 400]) {
    // id: chunk-refused-sent-whole
    it(`a blob goes whole in a new session when the registry answers the first chunk with ${status}`, async () => {
      const wired = wire(refusing('upload.append', status, {}, 9));
      await open(wired, chunks).blobs.write(sample.descriptor, sample.content);
      assert.deepEqual(kindsOf(wired.asked), [
        ...declined,
        'upload.append',
        'upload.status',
        'upload.cancel',
        'upload.start',
        'upload.commit',
      ]);
      assert.deepEqual(chunksOf(wired).at(-1), ['PUT', undefined, '25', 25]);
      await assertThere(wired);
    });
  }

  // id: later-chunk-refused
  it('an upload fails when the registry refuses a later chunk, and leaves no session behind', async () => {
    const wired = wire(answering(['upload.append'], (_, __, nth) => (nth === 1 ? refuse(400) : undefined)));
    await assert.rejects(
      open(wired, chunks).blobs.write(sample.descriptor, sample.content),
      (error) => isGantryError(error) && error.response?.status === 400,
    );
    assert.equal(kindsOf(wired.asked).at(-1), 'upload.cancel');
  });

  for (const status of [201, 202, 204]) {
    // id: chunk-statuses
    it(`${status} means that the registry has the chunk`, async () => {
      const wired = wire(changing(['upload.append'], () => ({ status })));
      await open(wired, chunks).blobs.write(sample.descriptor, sample.content);
      assert.equal(chunksOf(wired).length, 3);
      await assertThere(wired);
    });
  }

  // id: chunk-without-location
  it('an upload stays at its Location when the response to a chunk has none', async () => {
    const wired = wire(changing(['upload.append'], withoutLocation));
    await open(wired, chunks).blobs.write(sample.descriptor, sample.content);
    const [first, second, last] = wired.asked.slice(2);
    assert.equal(first?.url, second?.url);
    assert.ok(last?.url.startsWith(`${first?.url}?digest=`));
    await assertThere(wired);
  });
});

describe('the session of an upload', () => {
  // id: missing-location
  it('a session without a Location is an error', async () => {
    const wired = wire(changing(['upload.mount', 'upload.start'], withoutLocation));
    await failsWith(open(wired).blobs.write(sample.descriptor, sample.content), 'UNEXPECTED_ANSWER');
    assert.deepEqual(kindsOf(wired.asked), [...declined, 'upload.start']);
  });

  // id: commit-location
  it('the commit adds the digest to the Location, and changes no other byte of it', async () => {
    const odd = '?_state=a%7eb~%2F+c%20&e=&z=%C3%BC';
    const seen: string[] = [];
    const wired = wire((next) => async (request) => {
      const at = request.url.indexOf(odd);
      if (at > 0) seen.push(request.url.slice(at));
      const url = request.url
        .replace(odd, '')
        .replace(/\/&digest=/, '?digest=')
        .replace(/&digest=/, '?digest=');
      const response = await next({ ...request, url });
      const location = headerValue(response.headers, 'location');
      const moves = location !== undefined && response.status !== 201;
      return moves ? { ...response, headers: { ...response.headers, location: [location + odd] } } : response;
    });
    await open(wired, chunks).blobs.write(sample.descriptor, sample.content);
    const { digest } = sample.descriptor;
    assert.deepEqual(seen, [odd, odd, `${odd}&digest=${encodeURIComponent(digest)}`]);
  });

  for (const [name, location] of [
    ['a path', (path: string) => path],
    ['a whole address', (path: string) => `https://${host}${path}`],
    ['an address without its scheme', (path: string) => `//${host}${path}`],
  ] as const) {
    // id: commit-digest-sources
    it(`a session may be named by ${name}`, async () => {
      const wired = wire(
        changing(['upload.mount', 'upload.append'], ({ headers }) => ({
          headers: { ...headers, location: [location(headerValue(headers, 'location') ?? '')] },
        })),
      );
      await open(wired, chunks).blobs.write(sample.descriptor, sample.content);
      await assertThere(wired);
    });
  }

  // id: layer-type-header
  it('the commit alone tells the type of the layer, if that is asked for', async () => {
    for (const sendMediaType of [true, false]) {
      const wired = wire();
      const blob = { ...sample.descriptor, mediaType: 'application/vnd.acme.weights' };
      await open(wired, { ...chunks, sendMediaType }).blobs.write(blob, sample.content);
      const said = wired.asked.map(({ kind, headers }) => [kind, headers['oci-layer-media-type']]);
      const expected = sendMediaType ? ['application/vnd.acme.weights'] : undefined;
      assert.deepEqual(said.at(-1), ['upload.commit', expected]);
      assert.ok(said.slice(0, -1).every(([, type]) => type === undefined));
    }
  });

  // id: lost-session
  it('a session that the registry has lost is started again', async () => {
    const wired = wire(refusing('upload.commit', 404));
    await open(wired).blobs.write(sample.descriptor, sample.content);
    await assertThere(wired);
  });

  // id: upload-resumes
  it('an upload continues after a cut at the offset of the registry', async () => {
    const wired = wire(cutting('upload.commit', 15));
    const steady: Content = {
      size: 25,
      replayable: true,
      async *open({ from = 0, to = 25 } = {}) {
        for (let at = from; at < to; at += 5) yield sample.bytes.subarray(at, Math.min(at + 5, to));
      },
    };
    await open(wired).blobs.write(sample.descriptor, steady);
    const sent = wired.asked.filter(({ kind }) => kind === 'upload.commit');
    assert.equal(headerValue(sent.at(-1)?.headers ?? {}, 'content-range'), '15-24');
    await assertThere(wired);
  });
});
