import type { Digest } from '../spec/digest.ts';

/**
 * What a client can ask of a registry: one variant per endpoint, with its id in the specification (`end-…`).
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

export type OperationKind = Operation['kind'];

/** Every kind once; the compiler asks for all of them. */
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

/** All kinds of operations, for a list to choose from. */
export const operationKinds: readonly OperationKind[] = Object.keys(kinds).filter(isOperationKind);

/** What an operation does with a repository, in the words of scopes; undefined for the two that concern none. */
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

/** end-1: is this a registry? */
interface PingOperation {
  readonly kind: 'ping';
}

/** Docker's `_catalog`, never part of the specification: names of repositories. */
export interface CatalogOperation extends PageQuery {
  readonly kind: 'catalog';
}

/** end-2 and end-10: read, look at or delete one blob. */
export interface BlobOperation {
  readonly kind: 'blob.get' | 'blob.head' | 'blob.delete';
  readonly repository: string;
  readonly digest: Digest;
}

/** end-4a to 4c: begin an upload; with `digest` the body is the whole blob, `algorithm` announces how it will be named. */
export interface StartOperation {
  readonly kind: 'upload.start';
  readonly repository: string;
  readonly digest?: Digest;
  readonly algorithm?: string;
}

/** end-11: link a blob of another repository, or of any when `from` is left out. */
export interface MountOperation {
  readonly kind: 'upload.mount';
  readonly repository: string;
  readonly digest: Digest;
  readonly from?: string;
}

/**
 * end-13, end-5, end-6 and end-14: the four things to do with an upload session. Only a server reads these from a URL:
 * a client goes where the newest Location says (`uploadRequest`).
 */
export interface SessionOperation {
  readonly kind: 'upload.status' | 'upload.append' | 'upload.commit' | 'upload.cancel';
  readonly repository: string;
  /** The store's name for the session, any text. */
  readonly id: string;
  /** Digest of the whole blob, which a commit must have. */
  readonly digest?: Digest;
}

/** end-3 and end-9: read, look at or delete by tag or digest. */
export interface ManifestOperation {
  readonly kind: 'manifest.get' | 'manifest.head' | 'manifest.delete';
  readonly repository: string;
  /** A tag, or a digest if it has a `:`. */
  readonly reference: string;
}

/** end-7a and end-7b: store a manifest; `tags` only beside a digest. */
export interface PutManifestOperation {
  readonly kind: 'manifest.put';
  readonly repository: string;
  readonly reference: string;
  readonly tags: readonly string[];
}

/** end-8a and end-8b. */
export interface TagsOperation extends PageQuery {
  readonly kind: 'tags.list';
  readonly repository: string;
}

/** end-12a and end-12b. */
export interface ReferrersOperation {
  readonly kind: 'referrers';
  readonly repository: string;
  readonly digest: Digest;
  readonly artifactType?: string;
  /** Begin after the referrer with this digest: how our own pages are linked, a client only follows Link. */
  readonly last?: string;
}

/** Which part of a listing is wanted. */
export interface PageQuery {
  /** At most so many names. */
  readonly n?: number;
  /** Begin after this name. */
  readonly last?: string;
}
