import { selectRoot } from '../copy/select.ts';
import type { UnpackLimits } from '../flow/compression.ts';
import type { WorkObserver } from '../flow/work.ts';
import { validate } from '../image/validate.ts';
import type { Platform } from '../spec/platform.ts';
import type { SignalOptions } from '../store/contract.ts';
import type { Connections } from './connections.ts';
import { openSource } from './open.ts';
import { formatPlace, type Place, toPlace } from './place.ts';
import { createWatch } from './watch.ts';

export interface ValidateOptions extends SignalOptions {
  /** Only ask whether everything is there; read nothing. */
  readonly fast?: boolean;
  /** How far a layer may unfold; beyond it that is a finding. */
  readonly unpack?: UnpackLimits;
  /** Of an index, the images for these alone. Each is an object, or as in `linux/arm64/v8`. */
  readonly platforms?: readonly (Platform | string)[];
  /**
   * Told how far it is: `read`, and what an archive takes before. As in a copy nobody waits for it, and one that throws ends
   * the verb with what it threw.
   */
  readonly onEvent?: WorkObserver;
}

/** What came out about one subject; `problem` says what is wrong with it. */
export interface Finding {
  readonly subject: string;
  readonly problem?: string;
}

/** Each problem of an image or index, or one finding without any. `subject`: a reference or a place. */
export async function* validateSubject(
  connections: Connections,
  subject: string | Place,
  { platforms, ...given }: ValidateOptions = {},
): AsyncIterable<Finding> {
  const name =
    typeof subject === 'object' && subject.kind !== 'registry' ? subject.path : formatPlace(subject);
  const place = toPlace(subject);
  const { onEvent } = given;
  const part = createWatch({
    ...(onEvent === undefined
      ? {}
      : { onEvent: (event) => (event.kind === 'work' ? onEvent(event) : undefined) }),
    signal: given.signal,
  }).part();
  const options = { ...given, ...part };
  const { repository, reference } = await openSource(connections, place, {
    platforms,
    signal: options.signal,
    onWork: part.onEvent,
  });
  let sound = true;
  try {
    const root = await repository.manifests.get(reference, options);
    const chosen = platforms === undefined ? root : await selectRoot(repository, root, platforms, options);
    for await (const { descriptor, message } of validate(repository, chosen, options)) {
      sound = false;
      yield { subject: name, problem: `${descriptor.digest} ${message}` };
    }
  } finally {
    await repository[Symbol.asyncDispose]();
  }
  part.signal?.throwIfAborted();
  if (sound) yield { subject: name };
}
