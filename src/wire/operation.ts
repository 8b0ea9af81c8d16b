import type { Digest } from '../spec/digest.ts';

/**
 * A request that a client can make of a registry: one variant per endpoint, with its id in the specification (`end-…`).
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#endpoints
 */
export type Operation =
  | PingOperation
  | CatalogOperation
  | BlobOperation
  | StartOperation
  | MountOperation
  | SessionOperation
  | ManifestOperation
  | PutManifestOperation
  | TagsOperation
  | ReferrersOperation;

/** Names one variant of `Operation`. */
export type OperationKind = Operation['kind'];

/** Holds every kind once; the compiler requires all of them. */
const kinds: Readonly<Record<OperationKind, true>> = {
  ping: true,
  catalog: true,
  'blob.get': true,
  'blob.head': true,
  'blob.delete': true,
  'upload.start': true,
  'upload.mount': true,
  'upload.status': true,
  'upload.append': true,
  'upload.commit': true,
  'upload.cancel': true,
  'manifest.get': true,
  'manifest.head': true,
  'manifest.put': true,
  'manifest.delete': true,
  'tags.list': true,
  referrers: true,
};

export function isOperationKind(text: string): text is OperationKind {
  return Object.hasOwn(kinds, text);
}

/** All kinds of operations, for validation and lists of choices. */
export const operationKinds: readonly OperationKind[] = Object.keys(kinds).filter(isOperationKind);

/**
 * Returns the action of an operation on its repository, in the words of scopes; undefined for `ping` and `catalog`,
 * which concern no repository.
 */
export function actionOf(kind: OperationKind): 'pull' | 'push' | 'delete' | undefined {
  switch (kind) {
    case 'ping':
    case 'catalog':
      return undefined;
    case 'blob.get':
    case 'blob.head':
    case 'manifest.get':
    case 'manifest.head':
    case 'tags.list':
    case 'referrers':
      return 'pull';
    case 'upload.start':
    case 'upload.mount':
    case 'upload.status':
    case 'upload.append':
    case 'upload.commit':
    case 'upload.cancel':
    case 'manifest.put':
      return 'push';
    case 'blob.delete':
    case 'manifest.delete':
      return 'delete';
    default:
      return kind satisfies never;
  }
}

/** end-1: asks whether this is a registry. */
export interface PingOperation {
  readonly kind: 'ping';
}

/** Lists repositories by Docker's `_catalog`, which was never part of the specification. */
export interface CatalogOperation extends PageQuery {
  readonly kind: 'catalog';
}

/** end-2 and end-10: reads, examines or deletes one blob. */
export interface BlobOperation {
  /** Tells the operations apart. */
  readonly kind: 'blob.get' | 'blob.head' | 'blob.delete';
  /** The name of the repository, without the registry. */
  readonly repository: string;
  /** The digest of the blob. */
  readonly digest: Digest;
}

/** end-4a to end-4c: starts an upload. */
export interface StartOperation {
  readonly kind: 'upload.start';
  /** The name of the repository, without the registry. */
  readonly repository: string;
  /** The digest of the whole blob, when the request's body is that blob. */
  readonly digest?: Digest;
  /** The algorithm of the digest that will close the upload. */
  readonly algorithm?: string;
}

/** end-11: mounts a blob of another repository. */
export interface MountOperation {
  readonly kind: 'upload.mount';
  /** The name of the repository, without the registry. */
  readonly repository: string;
  /** The digest of the blob. */
  readonly digest: Digest;
  /** The repository that has the blob; undefined for any repository. */
  readonly from?: string;
}

/**
 * end-13, end-5, end-6 and end-14: the four requests on an upload session. Only a server parses them from a URL; a
 * client follows the newest Location (`uploadRequest`).
 */
export interface SessionOperation {
  /** Tells the operations apart. */
  readonly kind: 'upload.status' | 'upload.append' | 'upload.commit' | 'upload.cancel';
  /** The name of the repository, without the registry. */
  readonly repository: string;
  /** The id that the store gave the session; any text. */
  readonly id: string;
  /** The digest of the whole blob. A commit needs it. */
  readonly digest?: Digest;
}

/** end-3 and end-9: reads, examines or deletes a manifest or a tag. */
export interface ManifestOperation {
  /** Tells the operations apart. */
  readonly kind: 'manifest.get' | 'manifest.head' | 'manifest.delete';
  /** The name of the repository, without the registry. */
  readonly repository: string;
  /** A tag, or a digest if it contains a `:`. */
  readonly reference: string;
}

/** end-7a and end-7b: stores a manifest. */
export interface PutManifestOperation {
  readonly kind: 'manifest.put';
  /** The name of the repository, without the registry. */
  readonly repository: string;
  /** A tag, or a digest if it contains a `:`. */
  readonly reference: string;
  /** The values of `?tag=`, which a registry sets in the same step. Only allowed beside a digest. */
  readonly tags: readonly string[];
}

/** end-8a and end-8b: lists the tags of a repository. */
export interface TagsOperation extends PageQuery {
  readonly kind: 'tags.list';
  /** The name of the repository, without the registry. */
  readonly repository: string;
}

/** end-12a and end-12b: lists the referrers of a manifest. */
export interface ReferrersOperation {
  readonly kind: 'referrers';
  /** The name of the repository, without the registry. */
  readonly repository: string;
  /** The digest of the subject. */
  readonly digest: Digest;
  /** Lists only referrers of this type. */
  readonly artifactType?: string;
  /** Begins after the referrer with this digest. Our own pages link like this; a client only follows Link. */
  readonly last?: string;
}

/** Selects a part of a listing. */
export interface PageQuery {
  /** The largest number of names in the answer. */
  readonly n?: number;
  /** Begins after this name. */
  readonly last?: string;
}
