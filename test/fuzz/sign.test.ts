import assert from 'node:assert/strict';
import { describe } from 'node:test';
import type * as fc from 'fast-check';
import { isGantryError } from '../../src/errors.ts';
import { digestOf } from '../../src/flow/hash.ts';
import { parseBundle } from '../../src/sign/bundle.ts';
import type { SignatureCandidate } from '../../src/sign/candidates.ts';
import { forge, pairOf } from '../../src/sign/forge.test.support.ts';
import { type Demands, judgeCandidate } from '../../src/sign/judge.ts';
import { signaturePredicate } from '../../src/sign/predicate-types.ts';
import { parsePublicKey } from '../../src/sign/public-key.ts';
import { Rejection } from '../../src/sign/rejection.ts';
import { formatSimpleSigning, parseSimpleSigning } from '../../src/sign/simple-signing.ts';
import { parseStatement } from '../../src/sign/statement.ts';
import { bytesOf, fuzz, mutated, spoilt, standsPathological } from './fuzz.ts';

/** Signatures with changes: none counts that says anything else than the good one. */

const digest = digestOf(bytesOf('an image'));
const pair = pairOf();
const demands: Demands = {
  verifiers: [parsePublicKey(pair.pem)],
  predicateType: signaturePredicate,
  annotations: {},
};

/** Fails the test when changed bytes count with another payload. */
async function judge(bytes: Uint8Array, good: Uint8Array): Promise<void> {
  const candidate: SignatureCandidate = {
    format: 'bundle',
    name: digest,
    mediaType: '',
    annotations: {},
    read: async () => bytes,
  };
  try {
    const { payload } = await judgeCandidate(candidate, digest, demands);
    assert.deepEqual(Buffer.from(payload), Buffer.from(good));
  } catch (error) {
    if (!(error instanceof Rejection) && !isGantryError(error)) throw error;
  }
}

function changed(bytes: Uint8Array): fc.Arbitrary<Uint8Array> {
  return mutated(Buffer.from(bytes).toString()).map(bytesOf);
}

describe('fuzz: signatures', () => {
  const bundle = forge(pair, digest);
  const { payload } = parseBundle(bundle, 'the bundle').envelope;
  fuzz('bundles by key', changed(bundle), (bytes) => judge(bytes, payload));
  fuzz('bundles by key, in bytes', spoilt(bundle), (bytes) => judge(bytes, payload));
  const pieces = ['{"payload":"', '=', 'A', '\\', '[', '{"signatures":', '-----BEGIN', '-----', '\n'];
  const document = formatSimpleSigning({ digest, reference: 'a.test/b', annotations: {} });
  for (const [name, sample, parse] of [
    ['bundles', bundle.toString(), (text: string) => parseBundle(bytesOf(text), 'x')],
    ['statements', payload.toString(), (text: string) => parseStatement(bytesOf(text), 'x')],
    ['documents', document, (text: string) => parseSimpleSigning(bytesOf(text), 'x')],
    ['public keys', pair.pem, parsePublicKey],
  ] as const) {
    fuzz(name, mutated(sample), parse);
    standsPathological(name, [sample.slice(0, 20), ...pieces], parse);
  }
});
