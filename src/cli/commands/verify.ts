import { type RejectedSignature, VerificationError } from '../../errors.ts';
import type { VerifiedSignature } from '../../sign/judge.ts';
import type { Context } from '../context.ts';
import { givenSigners } from '../key-files.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { digestName, givenAnnotations } from '../signed-names.ts';

/** `gantry verify IMAGE...`: prints each reference by digest, and on stderr its signatures. */
export async function verify(context: Context, given: ParsedArgs): Promise<void> {
  const options = {
    ...(await context.platform()),
    ...(await givenSigners(given)),
    annotations: givenAnnotations(given),
    type: given.text('type'),
    minSignatures: given.count('min-signatures'),
    repository: given.text('repository'),
    signal: context.signal,
  };
  const client = await context.client();
  for (const image of given.arguments) {
    try {
      const { digest, verified, skippedBy } = await client.verify(image, options);
      const reference = digestName(image, digest);
      for (const signature of verified) context.output.note(`${reference}: ${described(signature)}`);
      if (skippedBy !== undefined) {
        context.output.note(
          `${reference} is not verified: the trust policy "${skippedBy}" skips it`,
          'warning',
        );
      }
      await context.result({ image, digest, verified: verified.map(shown), skippedBy }, reference);
    } catch (error) {
      if (error instanceof VerificationError && context.json) await context.result(refusal(image, error));
      throw error;
    }
  }
}

/** Returns the public facts of a signature without the signed document. */
function shown(signature: VerifiedSignature): unknown {
  return { ...signature, payload: undefined };
}

function described({ format, signer, predicateType, annotations, log }: VerifiedSignature): string {
  const pairs = Object.entries(annotations).map(([key, value]) => `${key}=${value}`);
  const parts = [
    `signed by ${signer} (${format})`,
    ...(predicateType === undefined ? [] : [predicateType]),
    ...pairs,
    log === 'none' ? 'no transparency log was asked' : 'with an entry in a transparency log',
  ];
  return parts.join(', ');
}

interface Refusal {
  readonly image: string;
  readonly verified: readonly unknown[];
  readonly reason: 'none' | 'no-match';
  readonly rejected: readonly RejectedSignature[];
}

function refusal(image: string, { code, rejected }: VerificationError): Refusal {
  return { image, verified: [], reason: code === 'SIGNATURE_MISSING' ? 'none' : 'no-match', rejected };
}
