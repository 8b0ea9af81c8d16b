import { NotFoundError } from '../errors.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';

/**
 * Completes a descriptor without size with the size that the source reports.
 * @throws BLOB_UNKNOWN when the source does not have the blob
 */
export async function sized(
  { blobs, name }: Repository,
  described: Descriptor,
  options: SignalOptions,
): Promise<Descriptor> {
  const { unsized: _, ...blob } = described;
  const found = await blobs.stat(blob.digest, options);
  if (found !== undefined) return { ...blob, size: found.size };
  throw new NotFoundError('BLOB_UNKNOWN', `${name} has no blob ${blob.digest}`);
}
