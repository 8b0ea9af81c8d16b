import { writeOutput } from '../bundle-output.ts';
import type { Context } from '../context.ts';
import { givenSigner } from '../key-files.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { digestName, givenAnnotations } from '../signed-names.ts';

/** `gantry sign IMAGE`: prints the reference by digest. */
export async function sign(context: Context, given: ParsedArgs): Promise<void> {
  const [image = ''] = given.arguments;
  const annotations = givenAnnotations(given);
  const output = given.text('output');
  const format = (['bundle', 'legacy', 'both'] as const).find((one) => one === given.text('format'));
  const signer = await givenSigner(context, given);
  const client = await context.client();
  const signed = await client.sign(image, {
    signer,
    annotations,
    format: output === undefined ? format : 'bundle',
    recursive: output === undefined && !given.flag('no-recursive'),
    repository: given.text('repository'),
    dryRun: output !== undefined,
    signal: context.signal,
  });
  if (output !== undefined) await writeOutput(output, signed.signatures[0]?.bundle);
  const reference = digestName(image, signed.digest);
  if (!image.includes('@')) context.output.note(`signed ${signed.digest}, which ${image} names now`);
  const signatures = signed.signatures.map((one) => ({ ...one, bundle: undefined }));
  await context.result({ image, reference, digest: signed.digest, signatures }, reference);
}
