import type { Compression } from '../flow/compression.ts';
import { inlineData } from '../flow/inline-data.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Manifest } from '../spec/manifest.ts';
import { layerCompression, parseMediaType } from '../spec/media-type.ts';

/** Lists the false and missing statements of a descriptor that show without its content, each as a predicate. */
export function wrongClaims(blob: Descriptor): readonly string[] {
  return [
    ...(blob.mediaType === '' ? ['has no media type in the manifest that names it'] : []),
    ...(blob.unsized === true ? ['has no size in the manifest that names it'] : []),
    ...(blob.data !== undefined && inlineData(blob) === undefined
      ? ['has a "data" field with other content']
      : []),
  ];
}

/** Lists the differences between a manifest and its descriptor in the index, each as a predicate. */
export function wrongChildClaims(child: Descriptor, { descriptor }: Manifest): readonly string[] {
  const { mediaType, size } = descriptor;
  const wrongSize = child.unsized !== true && child.size !== size;
  const wrongType = child.mediaType !== '' && parseMediaType(child.mediaType) !== mediaType;
  return [
    ...wrongClaims(child),
    ...(wrongSize ? [`has ${size} bytes, but its index names ${child.size}`] : []),
    ...(wrongType ? [`is ${mediaType}, but its index names ${child.mediaType}`] : []),
  ];
}

const names: Readonly<Record<Compression, string>> = {
  gzip: 'compressed with gzip',
  zstd: 'compressed with zstd',
  none: 'not compressed with gzip or zstd',
};

/** Describes the compression of a layer if it differs from the media type; undefined if they agree. */
export function wrongCompression(layer: Descriptor, actual: Compression): string | undefined {
  const said = layerCompression(layer.mediaType);
  if (said === undefined || said === actual) return undefined;
  return `is ${names[actual]}, but its media type ${layer.mediaType} means ${said === 'none' ? 'a plain tar' : said}`;
}
