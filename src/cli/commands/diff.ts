import type { FileChange, ImageDiff } from '../../image/diff-images.ts';
import type { Context } from '../context.ts';
import { Failed } from '../exit.ts';
import type { ParsedArgs } from '../parsed-args.ts';

/** `gantry diff IMAGE IMAGE` */
export async function diff(context: Context, given: ParsedArgs): Promise<void> {
  const [before = '', after = ''] = given.arguments;
  const options = { ...(await context.platform()), signal: context.signal };
  const client = await context.client();
  const found = await client.diff(before, after, options);
  await context.result({ before, after, ...found }, ...linesOf(found));
  if (given.flag('exit-code') && !found.isSame) throw new Failed();
}

const signs = { same: '=', added: '+', deleted: '-' } as const;
/** The letters of `docker diff`. */
const letters = { added: 'A', changed: 'C', deleted: 'D' } as const;

function* linesOf({ config, layers, files }: ImageDiff): Iterable<string> {
  for (const { member, before, after } of config) {
    if (before !== undefined) yield `config - ${member}: ${JSON.stringify(before)}`;
    if (after !== undefined) yield `config + ${member}: ${JSON.stringify(after)}`;
  }
  for (const { kind, layer } of layers) yield `layer ${signs[kind]} ${layer.digest} ${layer.size}`;
  for (const file of files) yield `${letters[file.kind]} ${file.path} ${detailsOf(file)}`;
}

function detailsOf({ before, after, parts = [] }: FileChange): string {
  const sizes = [before, after].filter((size) => size !== undefined);
  return `${sizes.join(' -> ')}${parts.length > 0 ? ` (${parts.join(', ')})` : ''}`;
}
