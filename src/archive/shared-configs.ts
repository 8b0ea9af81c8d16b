import { imageNameAnnotation } from '../spec/annotation.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { type Manifest, manifestsOf } from '../spec/manifest.ts';
import { blobMember } from './blob-member.ts';
import type { DockerImage } from './docker.ts';
import { looseKey, nameKey } from './names.ts';
import type { Tarball } from './tarball.ts';
import type { Trees } from './tree.ts';

/**
 * The descriptions of the images in a layout by the positions of their configs in the file. They connect index.json with
 * manifest.json, which names no manifests; an image and its conversion to other types have one config, too.
 */
export interface SharedConfigs {
  /** Returns the images of manifest.json with one of these configs, in their order. */
  saved(places: Iterable<number>): readonly DockerImage[];
  /** Returns the images of manifest.json with a config that no manifest has. */
  readonly unlisted: readonly DockerImage[];
  /** Returns whether index.json gives a name to another root with one of these configs, and not to this root. */
  isNameOfOther(name: string, root: Digest, places: Iterable<number>): boolean;
}

interface Descriptions {
  readonly tarball: Tarball;
  readonly trees: Trees;
  /** The entries of index.json. */
  readonly listed: readonly Descriptor[];
  readonly saved: readonly DockerImage[];
}

/** Looks at each description once: an archive may have thousands of each. */
export function sharedConfigs({ tarball, trees, listed, saved }: Descriptions): SharedConfigs {
  const savedAt = new Map<number | undefined, number[]>();
  for (const [at, image] of saved.entries()) add(savedAt, tarball.find(image.saved.Config)?.offset, at);
  const known = new Set([...trees.manifests.values()].map((manifest) => configPlace(tarball, manifest)));
  /** The names that roots have in index.json: with the root, and with the place of each of its configs. */
  const own = new Set<string>();
  const named = new Set<string>();
  for (const { digest, annotations = {} } of listed) {
    const name = annotations[imageNameAnnotation];
    const key = name === undefined ? undefined : looseKey(name);
    const manifest = trees.manifests.get(digest);
    if (key === undefined || manifest === undefined) continue;
    own.add(`${digest} ${key}`);
    for (const place of configPlaces(tarball, trees, manifest)) named.add(`${place} ${key}`);
  }
  return {
    saved(places) {
      const found = [...new Set(places)].flatMap((place) => savedAt.get(place) ?? []);
      return found.sort((one, other) => one - other).flatMap((at) => saved[at] ?? []);
    },
    unlisted: [...savedAt]
      .filter(([place]) => !known.has(place))
      .flatMap(([, found]) => found)
      .sort((one, other) => one - other)
      .flatMap((at) => saved[at] ?? []),
    isNameOfOther(name, root, places) {
      const key = nameKey(name);
      if (key === undefined || own.has(`${root} ${key}`)) return false;
      for (const place of places) if (named.has(`${place} ${key}`)) return true;
      return false;
    },
  };
}

function add<Key>(lists: Map<Key, number[]>, key: Key, value: number): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}

function configPlace(tarball: Tarball, { body }: Manifest): number | undefined {
  return body.kind === 'image' ? tarball.find(blobMember(body.config.digest))?.offset : undefined;
}

/** Returns the positions of the configs of an image, or of all images of an index. */
export function configPlaces(tarball: Tarball, trees: Trees, manifest: Manifest): readonly number[] {
  const children = manifestsOf(manifest.body).flatMap(({ digest }) => trees.manifests.get(digest) ?? []);
  return [manifest, ...children].flatMap((image) => configPlace(tarball, image) ?? []);
}
