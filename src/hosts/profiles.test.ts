import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type HostProfile, profileOf } from './profiles.ts';

const mebibyte = 1024 * 1024;
const ecr: HostProfile = { chunk: 10 * mebibyte, pageSize: 1000 };
const google: HostProfile = { whole: true };
const azure: HostProfile = { chunkOver: 20 * mebibyte, chunk: 4 * mebibyte };

const rows: readonly [host: string, profile: HostProfile][] = [
  ['ghcr.io', { chunk: 4 * mebibyte }],
  ['eu.ghcr.io', {}],
  // id: ecr-host-profile
  ['123456789012.dkr.ecr.eu-central-1.amazonaws.com', ecr],
  ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', ecr],
  ['public.ecr.aws', ecr],
  ['amazonaws.com', {}],
  ['gcr.io', google],
  ['eu.gcr.io', google],
  ['europe-west1-docker.pkg.dev', google],
  ['notgcr.io', {}],
  ['acme.azurecr.io', azure],
  ['acme.azurecr.cn', azure],
  ['acme.azurecr.io.evil.test', {}],
  ['quay.io', { pageSize: 100 }],
  ['docker.io', {}],
  ['localhost:5000', {}],
];

describe('the facts about a known host', () => {
  for (const [host, profile] of rows) {
    it(`the profile of ${host} is ${JSON.stringify(profile)}`, () =>
      assert.deepEqual(profileOf(host), profile));
  }
});
