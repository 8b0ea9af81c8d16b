import type { OperationKind } from '../wire/operation.ts';

export interface GateOptions {
  /** Whether anything can be changed; without it every such request is refused with 405. Default true. */
  readonly writes?: boolean;
  /** Whether tags, manifests and blobs can be deleted; without it every such request is refused with 405. Default true. */
  readonly deletes?: boolean;
}

/**
 * The methods that are left where this one is switched off; undefined where it is not. One gate for all that deletes:
 * distribution's once forgot the tags (CVE-2026-41888).
 */
export function closedTo(
  kind: OperationKind,
  { writes = true, deletes = true }: GateOptions,
): readonly string[] | undefined {
  switch (kind) {
    case 'upload.start':
    case 'upload.mount':
    case 'upload.status':
    case 'upload.append':
    case 'upload.commit':
    // To give up what was not finished deletes nothing that anybody could have had.
    case 'upload.cancel':
      return writes ? undefined : [];
    case 'manifest.put':
      return writes ? undefined : ['GET', 'HEAD'];
    case 'blob.delete':
      return writes && deletes ? undefined : ['GET', 'HEAD'];
    case 'manifest.delete':
      if (!writes) return ['GET', 'HEAD'];
      return deletes ? undefined : ['GET', 'HEAD', 'PUT'];
    default:
      return undefined;
  }
}
