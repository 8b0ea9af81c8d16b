import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Upload } from '../../store/contract.ts';
import { type HostHabits, habitsOf } from '../hosts.ts';
import { planChunks, planStreamChunks, type UploadOptions } from './plan.ts';

const mebibyte = 1024 * 1024;
const margin = 64 * 1024;

interface Row {
  readonly name: string;
  readonly limits?: Upload['limits'];
  readonly habits?: HostHabits;
  readonly options?: UploadOptions;
  readonly chunk: number | undefined;
}

const large = 300 * mebibyte;

const blobs: readonly (Row & { readonly size?: number })[] = [
  { name: 'goes whole where nobody asks for anything else', chunk: undefined },
  {
    name: 'goes in chunks over the threshold',
    options: { chunkThreshold: 128 * mebibyte },
    chunk: 96 * mebibyte,
  },
  { name: 'goes whole up to the threshold', options: { chunkThreshold: large }, chunk: undefined },
  {
    name: 'goes in chunks of the size that is asked for',
    options: { chunkThreshold: mebibyte, chunkSize: 5 * mebibyte },
    chunk: 5 * mebibyte,
  },
  {
    name: 'goes whole where a chunk would hold it',
    size: 50,
    options: { chunkThreshold: 1 },
    chunk: undefined,
  },
  {
    name: "goes in chunks of the registry's maximum less a margin",
    limits: { max: 10 * mebibyte },
    chunk: 10 * mebibyte - margin,
  },
  {
    name: 'goes in chunks of a maximum that is no more than the margin',
    limits: { max: margin },
    chunk: margin,
  },
  {
    name: 'goes in the chunks that were asked for below the maximum',
    limits: { max: 200 * mebibyte },
    chunk: 96 * mebibyte,
  },
  {
    name: 'has no larger chunks than the registry takes, whatever was asked for',
    limits: { max: 10 * mebibyte },
    options: { chunkSize: 50 * mebibyte },
    chunk: 10 * mebibyte - margin,
  },
  {
    name: 'has no smaller chunks than the registry takes',
    limits: { min: 100 * mebibyte },
    chunk: 100 * mebibyte,
  },
  {
    name: 'has chunks of the minimum where minimum and maximum are one',
    limits: { min: 10 * mebibyte, max: 10 * mebibyte },
    chunk: 10 * mebibyte,
  },
  {
    name: 'of more than the maximum goes in chunks, whatever the threshold',
    limits: { max: 10 * mebibyte },
    options: { chunkThreshold: 2 * large },
    chunk: 10 * mebibyte - margin,
  },
  {
    name: 'goes whole where the registry takes no chunks, whatever it says',
    limits: { max: 10 * mebibyte },
    habits: { whole: true },
    options: { chunkThreshold: 1 },
    chunk: undefined,
  },
  {
    name: "goes in the host's chunks over the host's threshold",
    habits: { chunkOver: 20, chunk: 4 * mebibyte },
    chunk: 4 * mebibyte,
  },
  {
    name: 'goes whole where only the size of chunks is known of the host',
    habits: { chunk: 4 * mebibyte },
    chunk: undefined,
  },
];

const streams: readonly Row[] = [
  { name: 'goes in chunks of 16 MiB', chunk: 16 * mebibyte },
  { name: 'goes in chunks of the size that is asked for', options: { chunkSize: mebibyte }, chunk: mebibyte },
  {
    name: 'has no chunk of more than 64 MiB, which is kept in memory',
    options: { chunkSize: large },
    chunk: 64 * mebibyte,
  },
  {
    name: "goes in chunks of the registry's maximum less a margin",
    limits: { max: 10 * mebibyte },
    chunk: 10 * mebibyte - margin,
  },
  {
    name: 'has no smaller chunks than the registry takes',
    limits: { min: 20 * mebibyte },
    chunk: 20 * mebibyte,
  },
  {
    name: 'goes in one request where the smallest chunk is too large to keep',
    limits: { min: 65 * mebibyte },
    chunk: undefined,
  },
  {
    name: 'goes in one request where the registry takes no chunks',
    habits: { whole: true },
    chunk: undefined,
  },
  { name: "goes in the host's chunks", habits: { chunk: 4 * mebibyte }, chunk: 4 * mebibyte },
];

describe('a blob', () => {
  for (const { name, size = large, limits = {}, habits = {}, options = {}, chunk } of blobs) {
    it(name, () => assert.equal(planChunks(size, limits, habits, options), chunk));
  }
});

describe('a stream', () => {
  for (const { name, limits = {}, habits = {}, options = {}, chunk } of streams) {
    it(name, () => assert.equal(planStreamChunks(limits, habits, options), chunk));
  }
});

describe('the table of hosts', () => {
  const rows: readonly (readonly [registry: string, habits: HostHabits])[] = [
    ['ghcr.io', { chunk: 4 * mebibyte }],
    ['123456789012.dkr.ecr.eu-central-1.amazonaws.com', { chunk: 10 * mebibyte }],
    ['123456789012.dkr.ecr.cn-north-1.amazonaws.com.cn', { chunk: 10 * mebibyte }],
    ['public.ecr.aws', { chunk: 10 * mebibyte }],
    ['gcr.io', { whole: true }],
    ['eu.gcr.io', { whole: true }],
    ['europe-docker.pkg.dev', { whole: true }],
    ['acme.azurecr.io', { chunkOver: 20 * mebibyte, chunk: 4 * mebibyte }],
    ['docker.io', {}],
    ['ghcr.io.example.com', {}],
    ['notgcr.io', {}],
    ['localhost:5000', {}],
  ];
  for (const [registry, habits] of rows) {
    it(`knows of ${registry} ${JSON.stringify(habits)}`, () => assert.deepEqual(habitsOf(registry), habits));
  }
});
