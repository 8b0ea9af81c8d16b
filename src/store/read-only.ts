import { UnsupportedError } from '../errors.ts';
import type { Blobs, Manifests, Repository, Tags } from './contract.ts';

/** The parts that a read-only place implements; `readOnlyRepository` derives the rest. */
export interface Readable {
  readonly name: string;
  readonly blobs: Pick<Blobs, 'stat' | 'statToRead' | 'open' | 'locate'>;
  readonly manifests: Pick<Manifests, 'resolve' | 'get' | 'getRaw'>;
  readonly tags: Pick<Tags, 'list'>;
  readonly referrers: Repository['referrers'];
  dispose?(): Promise<void>;
}

/** Makes a repository that can only be read. Every change throws UNSUPPORTED and names the place. */
export function readOnlyRepository(readable: Readable): Repository {
  const { name, blobs, manifests, tags, referrers } = readable;
  const refuse = async (): Promise<never> => {
    throw new UnsupportedError('write', `${name} can only be read`);
  };
  return {
    name,
    blobs: {
      stat: blobs.stat,
      ...(blobs.statToRead === undefined ? {} : { statToRead: blobs.statToRead }),
      open: blobs.open,
      ...(blobs.locate === undefined ? {} : { locate: blobs.locate }),
      write: refuse,
      ingest: refuse,
      mount: async () => undefined,
      start: refuse,
      resume: refuse,
      delete: refuse,
    },
    manifests: { ...manifests, put: refuse, delete: refuse },
    tags: { list: tags.list, delete: refuse },
    referrers,
    async commit() {},
    async [Symbol.asyncDispose]() {
      await readable.dispose?.();
    },
  };
}
