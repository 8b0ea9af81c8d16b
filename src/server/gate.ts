import { UnsupportedError } from '../errors.ts';
import type { OperationKind } from '../wire/operation.ts';

export interface GateOptions {
  /** Whether anything can be changed; without it every such request is refused with 405. Default true. */
  readonly writes?: boolean;
  /** Whether tags, manifests and blobs can be deleted; without it every such request is refused with 405. Default true. */
  readonly deletes?: boolean;
}

/** Throws UNSUPPORTED. One gate for all that deletes: distribution's once forgot the tags (CVE-2026-41888). */
export function checkGate(kind: OperationKind, { writes = true, deletes = true }: GateOptions): void {
  const changes = changesOf(kind);
  if (!writes && changes !== 'nothing') throw new UnsupportedError(kind, 'nothing can be changed here');
  if (!deletes && changes === 'deletes') throw new UnsupportedError(kind, 'nothing can be deleted here');
}

function changesOf(kind: OperationKind): 'nothing' | 'writes' | 'deletes' {
  switch (kind) {
    case 'ping':
    case 'catalog':
    case 'blob.get':
    case 'blob.head':
    case 'manifest.get':
    case 'manifest.head':
    case 'tags.list':
    case 'referrers':
      return 'nothing';
    case 'upload.start':
    case 'upload.mount':
    case 'upload.status':
    case 'upload.append':
    case 'upload.commit':
    // To give up what was not finished deletes nothing that anybody could have had.
    case 'upload.cancel':
    case 'manifest.put':
      return 'writes';
    case 'blob.delete':
    case 'manifest.delete':
      return 'deletes';
    default:
      return kind satisfies never;
  }
}
