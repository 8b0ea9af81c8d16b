import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AuthError,
  ContentError,
  CopyError,
  InputError,
  NotFoundError,
  ResponseError,
  StorageError,
  TransportError,
  UnsupportedError,
} from '../errors.ts';
import { exitCode } from './exit.ts';

const copy = (cause: unknown): CopyError => new CopyError('x', { side: 'source', step: 'x', cause });

describe('the exit code', () => {
  for (const [name, error, expected] of [
    ['of what the user gave is 2', new InputError('INVALID_REFERENCE', 'x'), 2],
    ['of what is not there is 3', new NotFoundError('NAME_UNKNOWN', 'x'), 3],
    ['of what needs a login is 4', new AuthError('UNAUTHORIZED', 'x'), 4],
    ['of what is not allowed is 4', new AuthError('DENIED', 'x'), 4],
    ['of a file that may not be touched is 4', new StorageError('NO_PERMISSION', 'x', { path: 'p' }), 4],
    ['of a full disk is 1', new StorageError('NO_SPACE', 'x', { path: 'p' }), 1],
    ['of a port in use is 1', new StorageError('IN_USE', 'x', { path: 'p' }), 1],
    ['of a failed connection is 5', new TransportError('NO_CONNECTION', 'x'), 5],
    ['of a refused redirect is 5', new TransportError('REDIRECT_REFUSED', 'x'), 5],
    ['of wrong bytes is 1', new ContentError('DIGEST_INVALID', 'x'), 1],
    ['of an odd answer is 1', new ResponseError('UNEXPECTED_STATUS', 'x'), 1],
    ['of what cannot be done is 1', new UnsupportedError('zstd', 'x'), 1],
    ["of a copy is its cause's", copy(new NotFoundError('BLOB_UNKNOWN', 'x')), 3],
    ['of a copy in a copy is the innermost one', copy(copy(new TransportError('CUT_OFF', 'x'))), 5],
    ['of a copy without a cause is 1', copy(undefined), 1],
    ['of a bug is 1', new TypeError('x'), 1],
    ['of something thrown that is no error is 1', 'x', 1],
    [
      'of an error from another copy of the package is the same',
      { isGantryError: true, name: 'AuthError', code: 'DENIED' },
      4,
    ],
  ] as const) {
    it(name, () => assert.equal(exitCode(error), expected));
  }
});
