import type { ListedEntry } from '../../client/list-index.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { formatPlatform } from '../../spec/platform.ts';
import type { Context } from '../context.ts';
import { indexGiven } from '../given-index.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry index list INDEX` */
export async function indexList(context: Context, given: ParsedArgs): Promise<void> {
  const [text = ''] = given.arguments;
  const { place, index } = indexGiven(text);
  const client = await context.client();
  const recursive = given.flag('recursive');
  const { descriptor, entries } = await client.listIndex(place, { index, recursive, signal: context.signal });
  await context.result(
    { reference: text, ...descriptor, manifests: entries.map(jsonOf) },
    row('Digest', 'MediaType', 'Platform'),
    ...entries.flatMap((entry) => rows(entry, '')),
  );
}

function jsonOf({ descriptor, entries }: ListedEntry): unknown {
  return entries === undefined ? descriptor : { ...descriptor, manifests: entries.map(jsonOf) };
}

function rows({ descriptor, entries = [] }: ListedEntry, indent: string): readonly string[] {
  const { digest, mediaType } = descriptor;
  return [
    row(indent + digest, mediaType, platformOf(descriptor)),
    ...entries.flatMap((entry) => rows(entry, `${indent}  `)),
  ];
}

function platformOf({ platform }: Descriptor): string {
  return platform === undefined ? '-' : formatPlatform(platform);
}

/** The columns have crane's widths, which scripts may rely on. */
function row(digest: string, mediaType: string, platform: string): string {
  return `${digest.padEnd(70)} ${mediaType.padEnd(20)} ${platform}`;
}
