import { selectRoot } from '../copy/select.ts';
import { isGantryError } from '../errors.ts';
import type { UnpackLimits } from '../flow/compression.ts';
import type { WorkObserver } from '../flow/work.ts';
import { validate } from '../image/validate.ts';
import type { Platform } from '../spec/platform.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { demandPlatforms } from './demand-platforms.ts';
import { openSource } from './open.ts';
import { formatPlace, type Place, toPlace } from './place.ts';
import { createWatch } from './watch.ts';

/** Settings of `validate`. */
export interface ValidateOptions extends SignalOptions {
  /**
   * Only asks whether all content exists, and reads none of it.
   * @defaultValue `false`
   */
  readonly fast?: boolean | undefined;
  /** The limits of unpacking a layer. A layer beyond them is a finding. */
  readonly unpack?: UnpackLimits | undefined;
  /**
   * Selects the images of an index for these platforms. Each is an object, or a text such as `linux/arm64/v8`. A single
   * image must be for each of them.
   */
  readonly platforms?: readonly (Platform | string)[] | undefined;
  /**
   * Receives the progress: `read`, and before it the work of opening an archive. The verb does not wait for it; an error
   * that it throws ends the verb.
   */
  readonly onEvent?: WorkObserver | undefined;
}

/** One result of a check. */
export interface Finding {
  /** The checked image, as the caller named it. */
  readonly subject: string;
  /** The problem; absent when the image is complete and correct. */
  readonly problem?: string;
}

/** Yields each problem of an image or index, or one finding without a problem. */
export async function* validateSubject(
  connections: Connections,
  subject: string | Place,
  { platforms, ...given }: ValidateOptions = {},
): AsyncIterable<Finding> {
  const name = typeof subject === 'object' && 'path' in subject ? subject.path : formatPlace(subject);
  const place = toPlace(subject);
  const { onEvent } = given;
  const { ledger, signal } = createWatch({
    onEvent: onEvent && ((event) => (event.kind === 'work' ? onEvent(event) : undefined)),
    signal: given.signal,
  });
  const { works } = ledger;
  const options = { ...given, signal };
  const { repository, reference } = await openSource(connections, place, { platforms, signal, works });
  let sound = true;
  try {
    const root = await repository.manifests.get(reference, options);
    const chosen = platforms === undefined ? root : await selectRoot(repository, root, platforms, options);
    if (platforms !== undefined)
      await demandPlatforms(repository, root, platforms, options).catch(leaveToValidate);
    for await (const { descriptor, message } of validate(repository, chosen, {
      ...options,
      work: works.of('read'),
    })) {
      sound = false;
      yield { subject: name, problem: `${descriptor.digest} ${message}` };
    }
  } finally {
    await repository[Symbol.asyncDispose]();
  }
  signal?.throwIfAborted();
  if (sound) yield { subject: name };
}

/** A config that is missing or broken is a finding of the check itself. */
function leaveToValidate(error: unknown): void {
  if (isGantryError(error, 'BLOB_UNKNOWN') || (isGantryError(error) && error.name === 'ContentError')) return;
  throw error;
}
