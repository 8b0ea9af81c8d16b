import { InputError } from '../../errors.ts';
import { writeOutput } from '../bundle-output.ts';
import type { Context } from '../context.ts';
import { givenSigner, readNamed } from '../key-files.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { digestName } from '../signed-names.ts';
import { readStdinBytes } from '../stdin.ts';

/** The limit for a predicate from stdin, as for one from a file. */
const mostBytes = 32 * 1024 * 1024;

/** `gantry attest IMAGE`: prints the reference by digest. */
export async function attest(context: Context, given: ParsedArgs): Promise<void> {
  const [image = ''] = given.arguments;
  const type = given.text('type');
  if (type === undefined)
    throw new InputError('INVALID_OPTION', 'give the type of the statement: --type TYPE');
  const path = given.text('predicate');
  if (path === undefined) throw new InputError('INVALID_OPTION', 'give the statement: --predicate FILE');
  const output = given.text('output');
  const signer = await givenSigner(context, given);
  const predicate =
    path === '-' ? await readStdinBytes(context.signal, mostBytes) : await readNamed('predicate', path);
  const client = await context.client();
  const made = await client.attest(image, {
    signer,
    predicate,
    type,
    repository: given.text('repository'),
    dryRun: output !== undefined,
    signal: context.signal,
  });
  if (output !== undefined) await writeOutput(output, made.bundle);
  const { digest, manifest, format } = made;
  const reference = digestName(image, digest);
  await context.result({ image, reference, digest, manifest, format }, reference);
}
