import assert from 'node:assert/strict';
import { statSync } from 'node:fs';
import { describe, it } from 'node:test';
import { CopyError, NotFoundError } from '../errors.ts';
import { causeLines, errorLine } from './failure.ts';

const response = { method: 'GET', url: 'https://r/v2/a/manifests/1', status: 404, errors: [] };
const missing = new NotFoundError('MANIFEST_UNKNOWN', 'r/a:1 is not there', { response });
const copy = new CopyError('source: could not read r/a:1', { side: 'source', step: 'read', cause: missing });

describe('a failure', () => {
  it('is told by its message', () => assert.equal(errorLine(copy), 'source: could not read r/a:1'));

  it('of the operating system is told by its own words', () => {
    assert.throws(
      () => statSync('/no/such/file'),
      (error) => errorLine(error).includes('/no/such/file') && !errorLine(error).includes('bug'),
    );
  });

  it('of gantry itself says so, in one line', () => {
    const line = errorLine(new TypeError('a\n  at b'));
    assert.match(line, /TypeError: a .*bug/);
    assert.ok(!line.includes('\n'));
  });

  it('that is no error is told as it is', () => assert.equal(errorLine('stop'), 'stop'));

  it('has its causes told in order, with codes and what was answered', () => {
    const [first, second, ...rest] = causeLines(copy);
    assert.match(first ?? '', /CopyError MANIFEST_UNKNOWN/);
    assert.match(second ?? '', /NotFoundError MANIFEST_UNKNOWN.*GET https:\/\/r\/v2\/a\/manifests\/1: 404/);
    assert.deepEqual(rest, []);
  });

  it('with several causes at once shows the last one', () => {
    const lines = causeLines(new Error('a', { cause: new AggregateError([new Error('b'), new Error('c')]) }));
    assert.match(lines.at(-1) ?? '', /Error: c/);
  });

  it('that causes itself ends', () => {
    const error = new Error('a');
    error.cause = error;
    assert.ok(causeLines(error).length < 100);
  });
});
