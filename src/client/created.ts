import { isGantryError } from '../errors.ts';
import { collectContent } from '../flow/collect.ts';
import { configLimit, parseImageConfig } from '../json/image-config.ts';
import { openable } from '../spec/descriptor.ts';
import type { ImageManifest, Manifest } from '../spec/manifest.ts';
import { isConfigType, isImageType, isIndexType } from '../spec/media-type.ts';
import { getChild } from '../store/child.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';

const annotation = 'org.opencontainers.image.created';
/** Reproducible builds write 0001, 1970 or the first second of 1980. No image is that old. */
const firstImage = Date.UTC(1981, 0);
/** The depth to which indexes in indexes are read. */
const maxDepth = 4;

/**
 * Returns the time at which an image was made, in milliseconds since 1970, from its config or else from its annotation
 * `org.opencontainers.image.created`; of an index, from its annotation or else from its newest image. Returns `undefined`
 * when no source has a readable time. Missing or wrong content counts as no source; other errors of the place are thrown.
 */
export async function createdAt(
  repository: Repository,
  { body }: Manifest,
  options: SignalOptions,
  depth = 0,
): Promise<number | undefined> {
  if (body.kind === 'image') {
    return (await absentAsUndefined(() => byConfig(repository, body, options))) ?? timeOf(body.annotations);
  }
  if (body.kind !== 'index') return undefined;
  const own = timeOf(body.annotations);
  if (own !== undefined || depth === maxDepth) return own;
  let newest: number | undefined;
  for (const child of body.manifests) {
    if (!isImageType(child.mediaType) && !isIndexType(child.mediaType)) continue;
    const created = await absentAsUndefined(async () =>
      createdAt(repository, await getChild(repository.manifests, child, options), options, depth + 1),
    );
    if (created !== undefined) newest = Math.max(newest ?? created, created);
  }
  return newest;
}

async function byConfig(
  { blobs, name }: Repository,
  { config }: ImageManifest,
  { signal }: SignalOptions,
): Promise<number | undefined> {
  if (!isConfigType(config.mediaType)) return undefined;
  const bytes = await collectContent(blobs.open(openable(config)), {
    limit: configLimit,
    what: `config ${config.digest} of ${name}`,
    signal,
  });
  return parsed(parseImageConfig(bytes).created);
}

async function absentAsUndefined(read: () => Promise<number | undefined>): Promise<number | undefined> {
  try {
    return await read();
  } catch (error) {
    if (!isGantryError(error) || !['ContentError', 'NotFoundError'].includes(error.name)) throw error;
    return undefined;
  }
}

function timeOf(annotations: Readonly<Record<string, string>> | undefined): number | undefined {
  return parsed(annotations?.[annotation]);
}

function parsed(text: string | undefined): number | undefined {
  if (text === undefined || !/^\d{4}-\d{2}-\d{2}T/.test(text)) return undefined;
  const time = Date.parse(text);
  return time >= firstImage ? time : undefined;
}
