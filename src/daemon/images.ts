import { isGantryError } from '../errors.ts';
import { discard } from '../flow/collect.ts';
import { readDigest } from '../json/descriptor.ts';
import {
  type Field,
  member,
  type ObjectField,
  optional,
  readArray,
  readBoolean,
  readMap,
  readString,
} from '../json/field.ts';
import type { Digest } from '../spec/digest.ts';
import type { SignalOptions } from '../store/contract.ts';
import { isAtLeast } from './api-version.ts';
import type { Engine } from './engine.ts';
import type { DaemonFacts } from './facts.ts';
import { namesOfImage } from './image-name.ts';

/** An image that a daemon has. */
export interface DaemonImage {
  /** The digest of the config; in a containerd store that of the manifest or index. */
  readonly id: Digest;
  /** Bytes of all layers. */
  readonly size: number;
  /** Whether the daemon says that all content of the image is there. */
  readonly isWhole: boolean;
}

/** Returns the image with a name or ID; undefined if the daemon does not have it. */
export async function findImage(
  engine: Engine,
  name: string,
  options: SignalOptions = {},
): Promise<DaemonImage | undefined> {
  const facts = await engine.facts(options);
  // From this version on, a containerd store says which images of an index it has.
  const listsManifests = facts.store === 'containerd' && isAtLeast(facts.apiVersion, '1.48');
  try {
    const request = {
      method: 'GET',
      path: `/images/${inPath(name)}/json`,
      query: listsManifests ? { manifests: '1' } : {},
      doing: `look at ${name}`,
      signal: options.signal,
    } as const;
    return await engine.ask(request, (image) => readImage(image, facts, listsManifests));
  } catch (error) {
    if (isGantryError(error, 'NAME_UNKNOWN')) return undefined;
    throw error;
  }
}

function readImage(map: ObjectField, { store }: DaemonFacts, listsManifests: boolean): DaemonImage {
  const id = member(map, 'Id');
  const text = readString(id);
  const size = member(map, 'Size').value;
  const manifests = optional(map, 'Manifests', (field) => readArray(field, isAvailable)) ?? [];
  // A classic store has an image whole or not at all.
  const isWhole = store === 'classic' || (listsManifests && manifests.length > 0 && manifests.every(Boolean));
  return {
    // podman's own API leaves the algorithm out.
    id: readDigest({ ...id, value: text.includes(':') ? text : `sha256:${text}` }),
    size: typeof size === 'number' ? size : 0,
    isWhole,
  };
}

function isAvailable(field: Field): boolean {
  return optional(readMap(field), 'Available', readBoolean) ?? false;
}

/** Returns the first text by which the daemon knows the image; undefined if it does not have it. */
export async function knownName(
  engine: Engine,
  text: string,
  options: SignalOptions,
): Promise<string | undefined> {
  for (const name of namesOfImage(text))
    if ((await findImage(engine, name, options)) !== undefined) return name;
  return undefined;
}

/** Gives an image that the daemon has a further name. */
export async function tagImage(
  engine: Engine,
  id: string,
  { repository, tag }: { readonly repository: string; readonly tag: string },
  { signal }: SignalOptions,
): Promise<void> {
  const { body } = await engine.send({
    method: 'POST',
    path: `/images/${inPath(id)}/tag`,
    query: { repo: repository, tag },
    doing: `give ${id} the name ${repository}:${tag}`,
    signal,
  });
  await discard(body);
}

/** Escapes only characters that a path cannot have: podman takes an escaped colon for a part of the name. */
export function inPath(name: string): string {
  return name.replaceAll(/[^\w./:@+-]/g, encodeURIComponent);
}
