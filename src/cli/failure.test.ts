import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { describe, it } from 'node:test';
import { CopyError, NotFoundError } from '../errors.ts';
import { causeLines, errorLine } from './failure.ts';

const response = { method: 'GET', url: 'https://r/v2/a/manifests/1', status: 404, errors: [] };
const missing = new NotFoundError('MANIFEST_UNKNOWN', 'r/a:1 is not there', { response });
const copy = new CopyError('source: could not read r/a:1', { side: 'source', step: 'read', cause: missing });

describe('errorLine and causeLines', () => {
  it('errorLine shows the message of an error', () =>
    assert.equal(errorLine(copy), 'source: could not read r/a:1'));

  it('errorLine shows the words of the operating system', () => {
    assert.throws(
      () => statSync('/no/such/file'),
      (error) => errorLine(error).includes('/no/such/file') && !errorLine(error).includes('bug'),
    );
  });

  it('errorLine marks a bug of gantry, in one line', () => {
    const line = errorLine(new TypeError('a\n  at b'));
    assert.match(line, /TypeError: a .*bug/);
    assert.ok(!line.includes('\n'));
  });

  it('errorLine shows a thrown value that is no error', () => assert.equal(errorLine('stop'), 'stop'));

  it('causeLines shows the causes in order, with codes and answers', () => {
    const [first, second, ...rest] = causeLines(copy);
    assert.match(first ?? '', /CopyError MANIFEST_UNKNOWN/);
    assert.match(second ?? '', /NotFoundError MANIFEST_UNKNOWN.*GET https:\/\/r\/v2\/a\/manifests\/1: 404/);
    assert.deepEqual(rest, []);
  });

  it('causeLines shows the last of several simultaneous causes', () => {
    const lines = causeLines(new Error('a', { cause: new AggregateError([new Error('b'), new Error('c')]) }));
    assert.match(lines.at(-1) ?? '', /Error: c/);
  });

  it('causeLines ends for a cyclic cause', () => {
    const error = new Error('a');
    error.cause = error;
    assert.ok(causeLines(error).length < 100);
  });
});
