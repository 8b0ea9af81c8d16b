import { UnsupportedError } from '../errors.ts';
import type { Blobs, Manifests, Repository, Tags } from './contract.ts';

/** What a place must bring that can only be read; the rest is derived. */
export interface Readable {
  readonly name: string;
  readonly blobs: Pick<Blobs, 'stat' | 'open'>;
  readonly manifests: Pick<Manifests, 'resolve' | 'get' | 'getRaw'>;
  readonly tags: Pick<Tags, 'list'>;
  readonly referrers: Repository['referrers'];
  dispose?(): Promise<void>;
}

/** A repository that can only be read: every change throws UNSUPPORTED naming the place. */
export function readOnlyRepository(readable: Readable): Repository {
  const { name, blobs, manifests, tags, referrers } = readable;
  const refuse = async (): Promise<never> => {
    throw new UnsupportedError('write', `${name} can only be read`);
  };
  return {
    name,
    blobs: {
      stat: blobs.stat,
      open: blobs.open,
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
