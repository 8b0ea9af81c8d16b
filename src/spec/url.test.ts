import assert from 'node:assert/strict';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { isTest, readSources } from '../../scripts/measures/sources.ts';
import { projectRoot } from '../../scripts/project.ts';
import { parseUrl } from './url.ts';

describe('parsing a URL', () => {
  it('an absolute URL is parsed', () => {
    assert.equal(parseUrl('https://host.example/v2/?n=1')?.host, 'host.example');
  });

  it('text that is no absolute URL gives undefined', () => {
    for (const text of ['', '/v2/', 'host.example', 'https://'])
      assert.equal(parseUrl(text), undefined, text);
  });

  it('unparsable-host: a host name of any length is parsed or gives undefined, and nothing is thrown', () => {
    for (const label of ['eyJ', 'eyJ.', 'a', '%41']) {
      for (const length of [1, 1000, 8192, 16_384]) {
        const url = parseUrl(`https://${label.repeat(length)}\0`);
        assert.ok(url === undefined || url.protocol === 'https:');
      }
    }
  });

  it('no source asks URL.canParse, which does not tell whether the constructor takes the text', () => {
    const asking = readSources(projectRoot(), 'src')
      .filter((source) => !isTest(source) && source.path !== join('src', 'spec', 'url.ts'))
      .filter(({ text }) => text.includes('canParse'));
    assert.deepEqual(
      asking.map(({ path }) => path),
      [],
    );
  });
});
