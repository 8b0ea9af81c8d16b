import { fromBase64Url, toBase64Url } from '../spec/base64url.ts';
import type { Operation, OperationKind, PageQuery } from './operation.ts';

/** The method and the request target of an operation. */
export interface RequestLine {
  readonly method: string;
  /** Path and query, relative to the registry's root. */
  readonly target: string;
}

const methods: Readonly<Record<OperationKind, string>> = {
  ping: 'GET',
  catalog: 'GET',
  'blob.get': 'GET',
  'blob.head': 'HEAD',
  'blob.delete': 'DELETE',
  'upload.start': 'POST',
  'upload.mount': 'POST',
  'upload.status': 'GET',
  'upload.append': 'PATCH',
  'upload.commit': 'PUT',
  'upload.cancel': 'DELETE',
  'manifest.get': 'GET',
  'manifest.head': 'HEAD',
  'manifest.put': 'PUT',
  'manifest.delete': 'DELETE',
  'tags.list': 'GET',
  referrers: 'GET',
};

/** Formats the method and target of an operation; `parseOperation` is the inverse. */
export function formatOperation(operation: Operation): RequestLine {
  return { method: methods[operation.kind], target: `/v2/${formatTarget(operation)}` };
}

function formatTarget(operation: Operation): string {
  switch (operation.kind) {
    case 'catalog':
      return `_catalog${formatPage(operation)}`;
    case 'blob.get':
    case 'blob.head':
    case 'blob.delete':
      return `${operation.repository}/blobs/${operation.digest}`;
    case 'upload.start': {
      const { repository, digest, algorithm } = operation;
      const query = formatQuery([
        ['digest', digest],
        ['digest-algorithm', algorithm],
      ]);
      return `${repository}/blobs/uploads/${query}`;
    }
    case 'upload.mount': {
      const { repository, digest, from } = operation;
      const query = formatQuery([
        ['mount', digest],
        ['from', from],
      ]);
      return `${repository}/blobs/uploads/${query}`;
    }
    case 'upload.status':
    case 'upload.append':
    case 'upload.commit':
    case 'upload.cancel': {
      const { repository, id, digest } = operation;
      return `${repository}/blobs/uploads/${encodeSession(id)}${formatQuery([['digest', digest]])}`;
    }
    case 'manifest.get':
    case 'manifest.head':
    case 'manifest.delete':
      return `${operation.repository}/manifests/${operation.reference}`;
    case 'manifest.put': {
      const { repository, reference, tags } = operation;
      return `${repository}/manifests/${reference}${formatQuery(tags.map((tag) => ['tag', tag]))}`;
    }
    case 'tags.list':
      return `${operation.repository}/tags/list${formatPage(operation)}`;
    case 'referrers': {
      const { repository, digest, artifactType, last } = operation;
      const query = formatQuery([
        ['artifactType', artifactType],
        ['last', last],
      ]);
      return `${repository}/referrers/${digest}${query}`;
    }
    default:
      return operation.kind === 'ping' ? '' : (operation satisfies never);
  }
}

function formatPage({ n, last }: PageQuery): string {
  return formatQuery([
    ['n', n?.toString()],
    ['last', last],
  ]);
}

function formatQuery(pairs: readonly (readonly [name: string, value: string | undefined])[]): string {
  const texts = pairs.flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  );
  return texts.length === 0 ? '' : `?${texts.join('&')}`;
}

/**
 * Encodes a session's id as one path segment. base64url, since a proxy's id is the whole Location of the registry
 * behind it.
 */
function encodeSession(id: string): string {
  return toBase64Url(new TextEncoder().encode(id));
}

/** Decodes a segment that `formatOperation` wrote; undefined for any other. */
export function decodeSession(segment: string): string | undefined {
  const bytes = fromBase64Url(segment);
  if (bytes === undefined || bytes.byteLength === 0) return undefined;
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    // Our servers only issue ids in UTF-8.
    return undefined;
  }
}
