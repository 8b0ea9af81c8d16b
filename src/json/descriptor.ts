import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, isDigest } from '../spec/digest.ts';
import type { Platform } from '../spec/platform.ts';
import {
  type Field,
  has,
  knownKeys,
  member,
  optional,
  present,
  readArray,
  readObject,
  readSize,
  readString,
  readStringMap,
  refusal,
} from './field.ts';

const descriptorKeys = knownKeys(
  'mediaType',
  'digest',
  'size',
  'urls',
  'annotations',
  'data',
  'artifactType',
  'platform',
);

/**
 * Reads a descriptor. Go leaves out empty fields, so a missing type reads as `''` and a missing size as `unsized`. Does
 * not compare `data` with the digest.
 * @throws MANIFEST_INVALID naming the field
 */
export function readDescriptor(field: Field): Descriptor {
  const descriptor = readObject(field, descriptorKeys);
  const size = has(descriptor, 'size') ? readSize(member(descriptor, 'size')) : undefined;
  return {
    mediaType: optional(descriptor, 'mediaType', readString) ?? '',
    digest: readDigest(member(descriptor, 'digest')),
    size: size ?? 0,
    ...present({
      unsized: size === undefined ? (true as const) : undefined,
      urls: optional(descriptor, 'urls', readStrings),
      annotations: optional(descriptor, 'annotations', readStringMap),
      data: optional(descriptor, 'data', readString),
      artifactType: optional(descriptor, 'artifactType', readString),
      platform: optional(descriptor, 'platform', readPlatform),
    }),
  };
}

const platformKeys = knownKeys('os', 'architecture', 'variant', 'os.version', 'os.features');

function readPlatform(field: Field): Platform {
  const platform = readObject(field, platformKeys);
  return {
    // Required, but some tools leave it empty or out. The code that selects by platform handles that.
    os: optional(platform, 'os', readString) ?? '',
    architecture: optional(platform, 'architecture', readString) ?? '',
    ...present({
      variant: optional(platform, 'variant', readString),
      'os.version': optional(platform, 'os.version', readString),
      'os.features': optional(platform, 'os.features', readStrings),
    }),
  };
}

export function readDigest(field: Field): Digest {
  const text = readString(field);
  if (!isDigest(text)) throw refusal(field, 'is not a digest');
  return text;
}

export function readStrings(field: Field): readonly string[] {
  return readArray(field, readString);
}
