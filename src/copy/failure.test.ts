import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  AuthError,
  ContentError,
  CopyError,
  type GantryError,
  InputError,
  NotFoundError,
  ResponseError,
  StorageError,
  TransportError,
  UnsupportedError,
} from '../errors.ts';
import { createBackoff } from '../http/backoff.ts';
import { createMemoryRegistry } from '../memory/registry.ts';
import { giveImage } from '../testing/contract/sample.ts';
import { copyImage } from './copy.ts';

const reasons: readonly GantryError[] = [
  new InputError('NAME_INVALID', 'no'),
  new ContentError('MANIFEST_INVALID', 'no'),
  new NotFoundError('MANIFEST_UNKNOWN', 'no'),
  new AuthError('DENIED', 'no'),
  new ResponseError('TOOMANYREQUESTS', 'no'),
  new TransportError('CUT_OFF', 'no'),
  new StorageError('NO_SPACE', 'no', { path: 'no' }),
  new UnsupportedError('layers', 'no'),
];

describe('CopyError', () => {
  for (const reason of reasons) {
    for (const side of ['source', 'destination'] as const) {
      it(`copy-failed-hides-the-reason: a CopyError has the code ${reason.code} of its reason at the ${side}, with the side and the step`, async () => {
        const whole = createMemoryRegistry().repository('acme/app');
        await giveImage(whole, {}, 'one');
        const fail = (): Promise<never> => Promise.reject(reason);
        const from = side === 'source' ? { ...whole, manifests: { ...whole.manifests, get: fail } } : whole;
        const empty = createMemoryRegistry().repository('acme/copied');
        const to = side === 'source' ? empty : { ...empty, manifests: { ...empty.manifests, put: fail } };
        const error: unknown = await copyImage(from, 'one', to, { tags: ['one'] }).catch(
          (failure: unknown) => failure,
        );
        assert.ok(error instanceof CopyError, String(error));
        assert.equal(error.code, reason.code);
        assert.equal(error.side, side);
        assert.equal(error.cause, reason);
        assert.match(error.step, /manifest|read/);
        assert.deepEqual(JSON.parse(JSON.stringify(error)).cause.code, reason.code);
      });
    }
  }

  it('copy-failed-hides-the-reason: a CopyError without a reason of gantry has a code of its own', () => {
    assert.equal(new CopyError('no', { side: 'destination', step: 'check the tag' }).code, 'COPY_FAILED');
  });

  it('copy-failed-hides-the-reason: the destination does not retry an error of the source', () => {
    const cause = new TransportError('CUT_OFF', 'no');
    const error = new CopyError('no', { side: 'source', step: 'read blob', cause });
    assert.equal(createBackoff().plan(error), undefined);
    assert.notEqual(createBackoff().plan(cause), undefined);
  });
});
