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

describe('exitCode', () => {
  for (const [name, error, expected] of [
    ['of a wrong argument is 2', new InputError('INVALID_REFERENCE', 'x'), 2],
    ['of absent content is 3', new NotFoundError('NAME_UNKNOWN', 'x'), 3],
    ['of a missing login is 4', new AuthError('UNAUTHORIZED', 'x'), 4],
    ['of a refused right is 4', new AuthError('DENIED', 'x'), 4],
    ['of a file without permission is 4', new StorageError('NO_PERMISSION', 'x', { path: 'p' }), 4],
    ['of a full disk is 1', new StorageError('NO_SPACE', 'x', { path: 'p' }), 1],
    ['of a port in use is 1', new StorageError('IN_USE', 'x', { path: 'p' }), 1],
    ['of a failed connection is 5', new TransportError('NO_CONNECTION', 'x'), 5],
    ['of a refused redirect is 5', new TransportError('REDIRECT_REFUSED', 'x'), 5],
    ['of wrong bytes is 1', new ContentError('DIGEST_INVALID', 'x'), 1],
    ['of an unexpected answer is 1', new ResponseError('UNEXPECTED_STATUS', 'x'), 1],
    ['of an unsupported operation is 1', new UnsupportedError('zstd', 'x'), 1],
    ["of a copy is its cause's", copy(new NotFoundError('BLOB_UNKNOWN', 'x')), 3],
    [
      'of nested copy errors is that of the innermost cause',
      copy(copy(new TransportError('CUT_OFF', 'x'))),
      5,
    ],
    ['of a copy without a cause is 1', copy(undefined), 1],
    ['of a bug is 1', new TypeError('x'), 1],
    ['of a thrown value that is no error is 1', 'x', 1],
    [
      'of an error from another copy of the package is that of its class',
      { isGantryError: true, name: 'AuthError', code: 'DENIED' },
      4,
    ],
  ] as const) {
    it(`the exit code ${name}`, () => assert.equal(exitCode(error), expected));
  }
});
