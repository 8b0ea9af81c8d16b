import { InputError } from '../../errors.ts';
import { admissionOf } from '../admission-options.ts';
import type { Context } from '../context.ts';
import { fullDigest } from '../full-name.ts';
import type { ParsedArgs } from '../parsed-args.ts';
import { waiting } from '../waiting.ts';

const formats = ['tarball', 'legacy', 'oci'] as const;

/** `gantry pull IMAGE... PATH` */
export async function pull(context: Context, given: ParsedArgs): Promise<void> {
  const images = given.arguments.slice(0, -1);
  const path = given.arguments.at(-1) ?? '';
  const format = formats.find((name) => name === (given.text('format') ?? 'tarball')) ?? 'tarball';
  const annotateRef = given.flag('annotate-ref');
  const cachePath = given.text('cache_path');
  const platforms = await context.platforms();
  if (format !== 'oci' && platforms !== undefined && platforms.length > 1) {
    throw new InputError('INVALID_OPTION', `--format=${format} takes one --platform; oci takes several`);
  }
  const admit = await admissionOf(given);
  const client = await context.client();
  const roots = await context.follow((onEvent) =>
    client.pull(images, path, {
      format: given.text('format') === undefined ? undefined : format,
      annotateRef,
      ...waiting(context, given),
      platforms,
      cachePath,
      admit,
      onEvent,
      signal: context.signal,
    }),
  );
  const pulled = roots.map((root, i) => ({ reference: fullDigest(images[i] ?? '', root.digest), ...root }));
  const isFile = !path.startsWith('docker-daemon:');
  await context.result({ path, format: isFile ? format : undefined, images: pulled });
}
