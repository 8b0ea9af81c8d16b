import { isGantryError } from '../errors.ts';
import type { Platform } from '../spec/platform.ts';
import { type Field, member, optional, present, readMap, readString } from './field.ts';
import { parseJson } from './parse.ts';

/** Returns the platform in an image's config; undefined if the config names none or the bytes are no config. */
export function platformOf(config: Uint8Array): Platform | undefined {
  const what = 'image config';
  try {
    const field: Field = { value: parseJson(config, { what }), what, path: '' };
    const document = readMap(field);
    const os = optional(document, 'os', readString);
    const architecture = optional(document, 'architecture', readString);
    if (!os || !architecture) return undefined;
    const variant = optional(document, 'variant', readString);
    const version = optional(document, 'os.version', readString);
    return { os, architecture, ...present({ variant, 'os.version': version }) };
  } catch (error) {
    if (isGantryError(error)) return undefined;
    throw error;
  }
}

/**
 * Returns the digests of the uncompressed layers in a config; undefined if it names none or the bytes are no config.
 */
export function diffIdsOf(config: Uint8Array): readonly string[] | undefined {
  const what = 'image config';
  try {
    const rootfs = optional(
      readMap({ value: parseJson(config, { what }), what, path: '' }),
      'rootfs',
      readMap,
    );
    const ids = rootfs === undefined ? undefined : member(rootfs, 'diff_ids').value;
    if (!Array.isArray(ids) || ids.length === 0) return undefined;
    return ids.map(String);
  } catch (error) {
    if (isGantryError(error)) return undefined;
    throw error;
  }
}
