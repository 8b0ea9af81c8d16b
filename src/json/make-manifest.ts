import { digestOf } from '../flow/hash.ts';
import type { Algorithm } from '../spec/digest.ts';
import type { ImageManifest, IndexManifest, Manifest } from '../spec/manifest.ts';
import { encodeManifest, parseManifest } from './manifest.ts';

/** An image or index before it has bytes; unlike one that was read, it always names its type. */
export type NewManifest = (Omit<ImageManifest, 'kind'> | Omit<IndexManifest, 'kind'>) & {
  readonly mediaType: string;
};

/**
 * The manifest that gantry makes of a value: its bytes (`encodeManifest`), their digest and their parsed form.
 * @throws MANIFEST_INVALID when the value is no manifest of its `mediaType`
 */
export function manifestOf(value: NewManifest, algorithm?: Algorithm): Manifest {
  return manifestOfBytes(encodeManifest(value), value.mediaType, algorithm);
}

/** The same for bytes that are a manifest already, such as an edited one. */
export function manifestOfBytes(bytes: Uint8Array, mediaType: string, algorithm?: Algorithm): Manifest {
  return parseManifest(bytes, { digest: digestOf(bytes, algorithm), mediaType });
}
