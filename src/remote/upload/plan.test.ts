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
  { name: 'goes whole by default', size: 10 * gibibyte, chunk: undefined },
  {
    name: 'goes in chunks of 96 MiB above the threshold of the caller',
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
    name: "goes in chunks of the caller's size",
    options: { chunkThreshold: 0, chunkSize: 5 },
    size: 6,
    chunk: 5,
  },
  {
    name: 'goes whole if it fits into one chunk',
    options: { chunkThreshold: 0, chunkSize: 5 },
    size: 5,
    chunk: undefined,
  },
  {
    // id: chunk-maximum
    name: "goes in chunks of the registry's maximum less a margin",
    limits: { max: 20 * mebibyte },
    size: gibibyte,
    chunk: 20 * mebibyte - margin,
  },
  {
    name: 'goes in chunks of a maximum below the margin',
    limits: { max: margin },
    size: gibibyte,
    chunk: margin,
  },
  {
    name: "goes in chunks of the caller's size if the maximum permits more",
    limits: { max: gibibyte },
    options: { chunkSize: 10 * mebibyte },
    size: 2 * gibibyte,
    chunk: 10 * mebibyte,
  },
  {
    name: 'goes in chunks of the maximum if the caller wants more',
    limits: { max: 20 * mebibyte },
    options: { chunkSize: 96 * mebibyte, chunkThreshold: 128 * mebibyte },
    size: gibibyte,
    chunk: 20 * mebibyte - margin,
  },
  {
    name: 'goes in chunks above the maximum, also below the threshold',
    limits: { max: 20 * mebibyte },
    options: { chunkThreshold: 128 * mebibyte },
    size: 21 * mebibyte,
    chunk: 20 * mebibyte - margin,
  },
  {
    // id: chunk-minimum
    name: 'goes in chunks of the minimum if the caller wants less',
    limits: { min: 20 * mebibyte },
    options: { chunkSize: 10 * mebibyte },
    size: gibibyte,
    chunk: 20 * mebibyte,
  },
  {
    name: 'goes in chunks of 96 MiB if the minimum is less',
    limits: { min: 5 * mebibyte },
    size: gibibyte,
    chunk: 96 * mebibyte,
  },
  {
    name: 'goes in chunks of the minimum if it exceeds the maximum',
    limits: { min: 20 * mebibyte, max: 20 * mebibyte },
    size: gibibyte,
    chunk: 20 * mebibyte,
  },
  {
    name: 'goes whole if the host takes no chunks, in spite of options',
    profile: { whole: true },
    options: { chunkThreshold: 1 },
    size: gibibyte,
    chunk: undefined,
  },
  {
    name: "goes in the chunks of the host's profile above the size in it",
    profile: { chunkOver: 20 * mebibyte, chunk: 4 * mebibyte },
    size: 21 * mebibyte,
    chunk: 4 * mebibyte,
  },
  {
    name: "goes whole up to the size in the host's profile",
    profile: { chunkOver: 20 * mebibyte, chunk: 4 * mebibyte },
    size: 20 * mebibyte,
    chunk: undefined,
  },
  {
    name: 'goes in the chunks that the registry asks for, before those of the profile',
    limits: { max: 50 * mebibyte },
    profile: { chunk: 4 * mebibyte },
    size: gibibyte,
    chunk: 50 * mebibyte - margin,
  },
];

describe('a blob', () => {
  for (const { name, limits = {}, profile = {}, options = {}, size, chunk } of rows) {
    it(`a blob ${name}`, () => assert.equal(planChunks(size, limits, profile, options), chunk));
  }
});

const streams: readonly Omit<Row, 'size'>[] = [
  { name: 'goes in chunks of 16 MiB, each of which stays in memory', chunk: 16 * mebibyte },
  { name: "goes in chunks of the caller's size", options: { chunkSize: 5 }, chunk: 5 },
  { name: 'goes in chunks of at most 64 MiB', options: { chunkSize: gibibyte }, chunk: 64 * mebibyte },
  {
    name: "goes in chunks of the registry's maximum less a margin",
    limits: { max: 5 * mebibyte },
    chunk: 5 * mebibyte - margin,
  },
  { name: "goes in chunks of the registry's minimum", limits: { min: 20 * mebibyte }, chunk: 20 * mebibyte },
  {
    // id: chunk-minimum-too-large
    name: 'goes whole if the minimum is more than gantry keeps in memory',
    limits: { min: 65 * mebibyte },
    chunk: undefined,
  },
  { name: 'goes whole if the host takes no chunks', profile: { whole: true }, chunk: undefined },
  { name: "goes in the chunks of the host's profile", profile: { chunk: 5 }, chunk: 5 },
];

describe('a stream', () => {
  for (const { name, limits = {}, profile = {}, options = {}, chunk } of streams) {
    it(`a stream ${name}`, () => assert.equal(planStreamChunks(limits, profile, options), chunk));
  }
});
