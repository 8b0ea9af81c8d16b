import assert from 'node:assert/strict';
import type { UploadOptions } from '../../src/remote/upload/plan.ts';
import type { Intent, Repository } from '../../src/store/contract.ts';
import { blobOf, noise, read, type SampleBlob } from '../../src/testing/contract/sample.ts';
import type { Wire } from './wire.ts';

/** The blob of 25 bytes that these tests push in every possible way. */
export const sample: SampleBlob = blobOf(noise(25));
/** 0-9, 10-19, 20-24. */
export const chunks: UploadOptions = { chunkSize: 10, chunkThreshold: 20 };
export const push: Intent = { actions: ['pull', 'push'] };

export function open(wired: Wire, upload: UploadOptions = {}): Repository {
  return wired.remote(upload).repository('app', push);
}

export async function assertThere(wired: Wire): Promise<void> {
  assert.deepEqual(await read(wired.at().repository('app').blobs.open(sample.descriptor)), sample.bytes);
}

/** The first requests of an upload: the blob does not exist, and the registry refuses a mount. */
export const declined: readonly string[] = ['blob.head', 'upload.mount'];
