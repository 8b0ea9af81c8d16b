import { Buffer } from 'node:buffer';
import { InputError } from '../../errors.ts';
import type { VerifiedSignature } from '../../sign/judge.ts';
import { columns } from '../columns.ts';
import type { Context } from '../context.ts';
import { givenSigners } from '../key-files.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry attestation ls IMAGE`: prints a line per attestation, beginning with the digest of its content. */
export async function attestationLs(context: Context, given: ParsedArgs): Promise<void> {
  const [image = ''] = given.arguments;
  const client = await context.client();
  const found = await client.attestations(image, {
    ...(await context.platform()),
    repository: given.text('repository'),
    signal: context.signal,
  });
  const lines = columns(found.map(({ name, format, predicateType }) => [name, format, predicateType]));
  await context.result({ image, attestations: found }, ...lines);
}

/** `gantry attestation get IMAGE`: prints the predicates of the attestations that are verified. */
export async function attestationGet(context: Context, given: ParsedArgs): Promise<void> {
  const [image = ''] = given.arguments;
  const type = given.text('type');
  if (type === undefined)
    throw new InputError('INVALID_OPTION', 'give the type of the statement: --type TYPE');
  const signers = await givenSigners(given);
  const client = await context.client();
  const { digest, verified } = await client.verify(image, {
    ...(await context.platform()),
    ...signers,
    type,
    repository: given.text('repository'),
    signal: context.signal,
  });
  const values = verified.map((one) => contentOf(one, given.flag('statement')));
  await context.result(
    { image, digest, attestations: values },
    ...values.map((value) => JSON.stringify(value)),
  );
}

/** The document is JSON, as its verification has shown. */
function contentOf({ payload }: VerifiedSignature, whole: boolean): unknown {
  const statement: { readonly predicate?: unknown } = JSON.parse(Buffer.from(payload).toString('utf8'));
  return whole ? statement : (statement.predicate ?? null);
}
