import { type Content, mapContent } from '../flow/content.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Repository, SignalOptions, WriteOutcome } from '../store/contract.ts';

/** One call to a place. `wrote` follows its `write` when that has succeeded. */
export interface Note {
  readonly step: 'resolve' | 'get' | 'put' | 'stat' | 'open' | 'write' | 'wrote';
  /** A tag or digest. */
  readonly what: string;
  readonly tags?: readonly string[];
}

/** Called before each call; it may throw or wait. */
export type Hook = (note: Note, options: SignalOptions) => void | Promise<void>;

export interface Watched {
  readonly repository: Repository;
  /** In the order of their beginning. */
  readonly notes: readonly Note[];
  /** The calls of one kind. */
  of(step: Note['step']): readonly string[];
}

/** A real place that notes every call of a copy. `open` is noted when the content is read, not when it is returned. */
export function watched(place: Repository, hook: Hook = () => undefined): Watched {
  const notes: Note[] = [];
  const note = async (entry: Note, options: SignalOptions = {}): Promise<void> => {
    notes.push(entry);
    await hook(entry, options);
  };
  const content = (what: string, source: Content): Content =>
    mapContent(source, async function* read(bytes, options) {
      await note({ step: 'open', what }, options);
      yield* bytes;
    });
  const { blobs, manifests } = place;
  const writeInPool = blobs.writeInPool?.bind(blobs);
  const noted = async (
    { digest }: Descriptor,
    options: SignalOptions | undefined,
    write: () => Promise<WriteOutcome>,
  ): Promise<WriteOutcome> => {
    await note({ step: 'write', what: digest }, options);
    const outcome = await write();
    await note({ step: 'wrote', what: digest }, options);
    return outcome;
  };
  const repository: Repository = {
    ...place,
    blobs: {
      ...blobs,
      async stat(digest, options) {
        await note({ step: 'stat', what: digest }, options);
        return blobs.stat(digest, options);
      },
      open: (blob) => content(typeof blob === 'string' ? blob : blob.digest, blobs.open(blob)),
      write: (blob, bytes, options) => noted(blob, options, () => blobs.write(blob, bytes, options)),
      ...(writeInPool && {
        writeInPool: (blob, bytes, pool, options) =>
          noted(blob, options, () => writeInPool(blob, bytes, pool, options)),
      }),
    },
    manifests: {
      ...manifests,
      async resolve(reference, options) {
        await note({ step: 'resolve', what: reference }, options);
        return manifests.resolve(reference, options);
      },
      async get(reference, options) {
        await note({ step: 'get', what: reference }, options);
        return manifests.get(reference, options);
      },
      async put(manifest, options = {}) {
        const { tags = [] } = options;
        await note({ step: 'put', what: manifest.descriptor.digest, tags }, options);
        return manifests.put(manifest, options);
      },
    },
  };
  return {
    repository,
    notes,
    of: (step) => notes.filter((one) => one.step === step).map(({ what }) => what),
  };
}
