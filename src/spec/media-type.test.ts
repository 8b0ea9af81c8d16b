import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  isConfigType,
  isDistributable,
  isImageType,
  isIndexType,
  isLayerType,
  isManifestType,
  MediaType,
  manifestAccept,
  parseMediaType,
} from './media-type.ts';

type Kind = 'index' | 'image' | 'manifest' | 'layer' | 'foreign layer' | 'config' | 'other';

const kinds: Readonly<Record<keyof typeof MediaType, Kind>> = {
  ociIndex: 'index',
  ociManifest: 'image',
  ociConfig: 'config',
  ociLayer: 'layer',
  ociLayerGzip: 'layer',
  ociLayerZstd: 'layer',
  ociForeignLayer: 'foreign layer',
  ociForeignLayerGzip: 'foreign layer',
  ociForeignLayerZstd: 'foreign layer',
  ociArtifact: 'manifest',
  orasArtifact: 'manifest',
  dockerList: 'index',
  dockerManifest: 'image',
  dockerConfig: 'config',
  dockerLayer: 'layer',
  dockerLayerTar: 'layer',
  dockerLayerZstd: 'layer',
  dockerForeignLayer: 'foreign layer',
  dockerForeignLayerTar: 'foreign layer',
  schema1: 'manifest',
  schema1Signed: 'manifest',
  empty: 'other',
  json: 'other',
  octetStream: 'other',
};

const names = Object.keys(MediaType).filter((name): name is keyof typeof MediaType => name in MediaType);

describe('media types', () => {
  for (const name of names) {
    const kind = kinds[name];
    test(`${name} is ${kind} in any spelling`, () => {
      for (const type of [MediaType[name], `${MediaType[name].toUpperCase()} ; charset=utf-8`]) {
        assert.equal(isIndexType(type), kind === 'index');
        assert.equal(isImageType(type), kind === 'image');
        assert.equal(isManifestType(type), kind === 'index' || kind === 'image' || kind === 'manifest');
        assert.equal(isLayerType(type), kind === 'layer' || kind === 'foreign layer');
        assert.equal(isDistributable(type), kind !== 'foreign layer');
        assert.equal(isConfigType(type), kind === 'config');
      }
    });
  }

  test('a manifest request accepts every type of a manifest', () => {
    const manifests = Object.values(MediaType).filter(isManifestType);
    assert.deepEqual(
      manifests.filter((type) => !manifestAccept.includes(type)),
      [],
    );
  });

  const rows = [
    ['application/json', 'application/json'],
    [' Application/JSON ; charset=utf-8', 'application/json'],
    ['', ''],
    [';', ''],
  ] as const;
  for (const [text, essence] of rows) {
    test(`the essence of "${text}" is "${essence}"`, () => assert.equal(parseMediaType(text), essence));
  }
});
