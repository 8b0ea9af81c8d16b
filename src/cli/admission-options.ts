import type { AdmitImage } from '../sign/admit.ts';
import type { Option } from './command.ts';
import type { ParsedArgs } from './parsed-args.ts';

/** The options of commands that move only signed images. */
export const admissionOptions: readonly Option[] = [
  {
    name: 'verify-key',
    value: 'FILE',
    repeatable: true,
    whole: true,
    summary: 'move only an image that this public key (PEM), or another one given, has signed',
  },
  {
    name: 'policy',
    value: 'FILE',
    summary: "move only an image that this policy permits (containers' policy.json)",
  },
  { name: 'policy-bundles', summary: 'with --policy: signatures that name no image count too' },
];

/** Returns the decision of these options; undefined without them. The code for signatures loads only with them. */
export async function admissionOf(given: ParsedArgs): Promise<AdmitImage | undefined> {
  if (!admissionOptions.some(({ name }) => given.flag(name))) return undefined;
  return (await import('./admission.ts')).givenAdmission(given);
}
