import type { Inspection } from '../../client/inspect.ts';
import { formatPlatform } from '../../spec/platform.ts';
import { columns } from '../columns.ts';
import type { Context } from '../context.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { formatBytes } from '../units.ts';

/** `gantry inspect IMAGE` */
export async function inspect(context: Context, given: ParsedArgs): Promise<void> {
  const [image = ''] = given.arguments;
  const options = { ...(await context.platform()), signal: context.signal };
  const client = await context.client();
  const found = await client.inspect(image, options);
  await context.result(found, ...describe(found));
}

function describe(found: Inspection): readonly string[] {
  const { kind, mediaType, digest, size, artifactType, config, layers, manifests, annotations = {} } = found;
  return [
    ...columns([
      ['kind', kind],
      ['digest', digest],
      ['media type', mediaType],
      ['artifact type', artifactType],
      ['size', formatBytes(size)],
      ['config', config],
    ]),
    ...section(
      'manifests',
      manifests?.map((child) => [child.digest, nameOf(child), formatBytes(child.size)]),
    ),
    ...section(
      'layers',
      layers?.map((layer) => [layer.digest, layer.mediaType, formatBytes(layer.size)]),
    ),
    ...section('annotations', Object.entries(annotations)),
    ...section('labels', Object.entries(found.labels)),
  ];
}

/** Returns the platform of an entry, or its type if it has none. */
function nameOf({ platform, artifactType, mediaType }: NonNullable<Inspection['manifests']>[number]): string {
  return platform === undefined ? (artifactType ?? mediaType) : formatPlatform(platform);
}

function section(title: string, rows: readonly (readonly string[])[] = []): string[] {
  return rows.length === 0 ? [] : ['', title, ...columns(rows).map((line) => `  ${line}`)];
}
