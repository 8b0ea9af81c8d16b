import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { resolveLocation } from './location.ts';

const request = 'https://h:5000/v2/a/blobs/uploads/?x=1';

describe('resolveLocation', () => {
  const rows: readonly [name: string, location: string, expected: string][] = [
    ['stays unchanged when it is absolute', 'http://o/u?_state=a%7eb~&e=', 'http://o/u?_state=a%7eb~&e='],
    ['may leave out the scheme', '//o/u', 'https://o/u'],
    ['may be a path', '/v2/a/blobs/uploads/1?s=%20+', 'https://h:5000/v2/a/blobs/uploads/1?s=%20+'],
    ['may be relative to the request', '1?s=2', 'https://h:5000/v2/a/blobs/uploads/1?s=2'],
    ['may begin with ./', './1?s=2', 'https://h:5000/v2/a/blobs/uploads/1?s=2'],
    ['may begin with ../', '../uploads/1?s=../2', 'https://h:5000/v2/a/blobs/uploads/1?s=../2'],
    ['may begin with several ../', '../../../b/./../u', 'https://h:5000/v2/b/./../u'],
    ['may be the folder above', '..?s=2', 'https://h:5000/v2/a/blobs/?s=2'],
    ['does not leave the root', '../../../../../../u', 'https://h:5000/u'],
    ['may be a file that begins with dots', '..u', 'https://h:5000/v2/a/blobs/uploads/..u'],
    ['may be a query alone', '?s=2', 'https://h:5000/v2/a/blobs/uploads/?s=2'],
    ['keeps the dots inside its path, which the server interprets', '/a/../b', 'https://h:5000/a/../b'],
    ['loses its fragment', '/u#x', 'https://h:5000/u'],
    ['loses the space around it', ' /u ', 'https://h:5000/u'],
    [
      'with a colon in its path is still relative',
      'sha256:abc',
      'https://h:5000/v2/a/blobs/uploads/sha256:abc',
    ],
  ];
  for (const [name, location, expected] of rows) {
    it(`relative-location: A Location ${name}`, () =>
      assert.equal(resolveLocation(location, request), expected));
  }

  it('A Location is resolved against a bare path too', () => {
    assert.equal(resolveLocation('/v2/u', '/v2/a/blobs/uploads/'), '/v2/u');
  });
});
