import { type Check, having } from '../spec/options.ts';

/** Checks of things that plain JavaScript hands in. The client knows them and loads nothing else for them. */
export const aRegistry: Check = having('a registry', 'repository', 'repositories');
export const aRepository: Check = having('a repository', 'blobs', 'manifests', 'tags');
export const aManifest: Check = having(
  'a manifest: { descriptor, bytes, body }',
  'descriptor',
  'bytes',
  'body',
);
export const aView: Check = having(
  'an image or an index, as openImage or createImage gives it',
  'kind',
  'manifest',
);
export const aLayer: Check = having('a layer, as createLayer gives it', 'descriptor', 'diffId', 'compressed');
