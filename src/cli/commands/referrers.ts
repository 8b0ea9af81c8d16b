import type { ListReferrersOptions, ReferrerNode } from '../../client/referrers.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import { columns } from '../columns.ts';
import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { formatBytes } from '../units.ts';

/** `gantry referrers IMAGE`: prints a line per referrer, beginning with its digest. */
export async function referrers(context: Context, given: ParsedArgs): Promise<void> {
  const [image = ''] = given.arguments;
  const artifactType = given.text('artifact-type');
  const options: ListReferrersOptions = {
    ...(await context.platform()),
    artifactType,
    signal: context.signal,
  };
  const client = await context.client();
  if (given.flag('tree')) {
    const tree = await client.referrerTree(image, options);
    return context.result({ image, ...tree }, tree.subject, ...branches(tree.referrers));
  }
  const found: Descriptor[] = [];
  for await (const referrer of client.referrers(image, options)) found.push(referrer);
  const lines = columns(found.map((referrer) => [referrer.digest, ...described(referrer)]));
  await context.result({ image, referrers: found }, ...lines);
}

function described({ artifactType, mediaType, size }: Descriptor): readonly string[] {
  return [artifactType ?? mediaType, formatBytes(size)];
}

function branches(nodes: readonly ReferrerNode[]): readonly string[] {
  return nodes.flatMap((node, at) => {
    const isLast = at === nodes.length - 1;
    const line = `${isLast ? '└── ' : '├── '}${[node.digest, ...described(node)].join('  ')}`;
    return [line, ...branches(node.referrers).map((below) => `${isLast ? '    ' : '│   '}${below}`)];
  });
}
