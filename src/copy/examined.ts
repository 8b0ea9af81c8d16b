import { ContentError, isGantryError } from '../errors.ts';
import { collectContent } from '../flow/collect.ts';
import { diffIdsOf } from '../json/config-facts.ts';
import { configLimit } from '../json/image-config.ts';
import type { Manifest } from '../spec/manifest.ts';
import { isConfigType } from '../spec/media-type.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';

/**
 * Wraps a place so that reading an image's manifest checks it against its config. A manifest that lists another number
 * of layers than its config is MANIFEST_INVALID. Only for places where an additional reading costs nothing.
 */
export function examined(from: Repository): Repository {
  const { manifests } = from;
  return {
    ...from,
    manifests: {
      ...manifests,
      async get(reference, options) {
        const manifest = await manifests.get(reference, options);
        const problem = await contradictionIn(from, manifest, options);
        if (problem === undefined) return manifest;
        throw new ContentError('MANIFEST_INVALID', `${from.name} contradicts itself: ${problem}`);
      },
    },
  };
}

/** Ignores a missing or damaged config, which the copy itself will report. */
async function contradictionIn(
  from: Repository,
  { body, descriptor }: Manifest,
  { signal }: SignalOptions = {},
): Promise<string | undefined> {
  if (body.kind !== 'image' || !isConfigType(body.config.mediaType)) return undefined;
  const what = `config ${body.config.digest}`;
  const content = from.blobs.open(body.config);
  const config = await collectContent(content, { limit: configLimit, what, signal }).catch(
    (error: unknown) => {
      if (isGantryError(error)) return undefined;
      throw error;
    },
  );
  const diffIds = config === undefined ? undefined : diffIdsOf(config);
  if (diffIds === undefined || diffIds.length === body.layers.length) return undefined;
  return `manifest ${descriptor.digest} lists ${body.layers.length} layers, its config ${diffIds.length}`;
}
