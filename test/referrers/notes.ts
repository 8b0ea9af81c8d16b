import { type Descriptor, digestOf, type Manifest, MediaType, parseManifest } from '../../src/index.ts';

/** The config and the only layer of every note. */
export const empty: { readonly bytes: Uint8Array; readonly descriptor: Descriptor } = {
  bytes: new TextEncoder().encode('{}'),
  descriptor: { mediaType: MediaType.empty, digest: digestOf(new TextEncoder().encode('{}')), size: 2 },
};

export const noteType = 'application/vnd.example.note';

/** Makes an artifact without a body that carries a text, about `subject` if one is given. */
export function noteOf(text: string, subject?: Descriptor, artifactType: string = noteType): Manifest {
  const value = {
    schemaVersion: 2,
    mediaType: MediaType.ociManifest,
    artifactType,
    config: empty.descriptor,
    layers: [empty.descriptor],
    ...(subject === undefined ? {} : { subject }),
    annotations: { 'com.example.text': text },
  };
  const bytes = new TextEncoder().encode(JSON.stringify(value));
  return parseManifest(bytes, { digest: digestOf(bytes) });
}
