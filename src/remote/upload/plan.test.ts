import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { HostProfile } from '../../hosts/profiles.ts';
import type { Upload } from '../../store/upload.ts';
import { planChunks, planStreamChunks, type UploadOptions } from './plan.ts';

const mebibyte = 1024 * 1024;
const gibibyte = 1024 * mebibyte;
const margin = 64 * 1024;

interface Row {
  readonly name: string;
  readonly limits?: Upload['limits'];
  readonly profile?: HostProfile;
  readonly options?: UploadOptions;
  readonly size: number;
  readonly chunk: number | undefined;
}

const rows: readonly Row[] = [
  { name: 'goes whole where nobody wants otherwise', size: 10 * gibibyte, chunk: undefined },
  {
    name: 'goes in 96 MiB over the threshold of the caller',
    options: { chunkThreshold: 128 * mebibyte },
    size: 128 * mebibyte + 1,
    chunk: 96 * mebibyte,
  },
  {
    name: 'goes whole at the threshold',
    options: { chunkThreshold: 128 * mebibyte },
    size: 128 * mebibyte,
    chunk: undefined,
  },
  {
    // id: chunk-size-of-caller
    name: 'goes in the size of the caller',
    options: { chunkThreshold: 0, chunkSize: 5 },
    size: 6,
    chunk: 5,
  },
  {
    name: 'goes whole where one chunk would hold it',
    options: { chunkThreshold: 0, chunkSize: 5 },
    size: 5,
    chunk: undefined,
  },
  {
    // id: chunk-maximum
    name: 'goes in the maximum of the registry less a margin',
    limits: { max: 20 * mebibyte },
    size: gibibyte,
    chunk: 20 * mebibyte - margin,
  },
  {
    name: 'goes in a maximum that is smaller than the margin as it is',
    limits: { max: margin },
    size: gibibyte,
    chunk: margin,
  },
  {
    name: 'goes in the size of the caller where the maximum allows more',
    limits: { max: gibibyte },
    options: { chunkSize: 10 * mebibyte },
    size: 2 * gibibyte,
    chunk: 10 * mebibyte,
  },
  {
    name: 'goes in the maximum where the caller wants more',
    limits: { max: 20 * mebibyte },
    options: { chunkSize: 96 * mebibyte, chunkThreshold: 128 * mebibyte },
    size: gibibyte,
    chunk: 20 * mebibyte - margin,
  },
  {
    name: 'goes in chunks over the maximum, though it is under the threshold',
    limits: { max: 20 * mebibyte },
    options: { chunkThreshold: 128 * mebibyte },
    size: 21 * mebibyte,
    chunk: 20 * mebibyte - margin,
  },
  {
    // id: chunk-minimum
    name: 'goes in the minimum where the caller wants less',
    limits: { min: 20 * mebibyte },
    options: { chunkSize: 10 * mebibyte },
    size: gibibyte,
    chunk: 20 * mebibyte,
  },
  {
    name: 'goes in 96 MiB where the minimum is less',
    limits: { min: 5 * mebibyte },
    size: gibibyte,
    chunk: 96 * mebibyte,
  },
  {
    name: 'goes by the minimum where it is more than the maximum allows',
    limits: { min: 20 * mebibyte, max: 20 * mebibyte },
    size: gibibyte,
    chunk: 20 * mebibyte,
  },
  {
    name: 'goes whole where the host takes no chunks, whatever is asked for',
    profile: { whole: true },
    options: { chunkThreshold: 1 },
    size: gibibyte,
    chunk: undefined,
  },
  {
    name: 'goes in the chunks that the host is known for, over the size that it is known for',
    profile: { chunkOver: 20 * mebibyte, chunk: 4 * mebibyte },
    size: 21 * mebibyte,
    chunk: 4 * mebibyte,
  },
  {
    name: 'goes whole up to the size that the host is known for',
    profile: { chunkOver: 20 * mebibyte, chunk: 4 * mebibyte },
    size: 20 * mebibyte,
    chunk: undefined,
  },
  {
    name: 'goes in what the registry says itself rather than what is known of its host',
    limits: { max: 50 * mebibyte },
    profile: { chunk: 4 * mebibyte },
    size: gibibyte,
    chunk: 50 * mebibyte - margin,
  },
];

describe('a blob', () => {
  for (const { name, limits = {}, profile = {}, options = {}, size, chunk } of rows) {
    it(name, () => assert.equal(planChunks(size, limits, profile, options), chunk));
  }
});

const streams: readonly Omit<Row, 'size'>[] = [
  { name: 'goes in 16 MiB, each of which is kept', chunk: 16 * mebibyte },
  { name: 'goes in the size of the caller', options: { chunkSize: 5 }, chunk: 5 },
  { name: 'goes in at most 64 MiB', options: { chunkSize: gibibyte }, chunk: 64 * mebibyte },
  {
    name: 'goes in the maximum of the registry less a margin',
    limits: { max: 5 * mebibyte },
    chunk: 5 * mebibyte - margin,
  },
  { name: 'goes in the minimum of the registry', limits: { min: 20 * mebibyte }, chunk: 20 * mebibyte },
  {
    // id: chunk-minimum-too-large
    name: 'goes whole where the minimum is more than may be kept',
    limits: { min: 65 * mebibyte },
    chunk: undefined,
  },
  { name: 'goes whole where the host takes no chunks', profile: { whole: true }, chunk: undefined },
  { name: 'goes in the chunks that the host is known for', profile: { chunk: 5 }, chunk: 5 },
];

describe('a stream', () => {
  for (const { name, limits = {}, profile = {}, options = {}, chunk } of streams) {
    it(name, () => assert.equal(planStreamChunks(limits, profile, options), chunk));
  }
});
