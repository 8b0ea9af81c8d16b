import { actionOf, type OperationKind } from '../wire/operation.ts';

export interface MethodPolicyOptions {
  /** Whether anything can be changed; without it every such request is refused with 405. Default true. */
  readonly writes?: boolean;
  /** Whether tags, manifests and blobs can be deleted; without it every such request is refused with 405. Default true. */
  readonly deletes?: boolean;
}

/**
 * The methods that are left where this one is switched off; undefined where it is not. One gate for all that deletes:
 * distribution's once forgot the tags (CVE-2026-41888).
 */
export function remainingMethods(
  kind: OperationKind,
  { writes = true, deletes = true }: MethodPolicyOptions,
): readonly string[] | undefined {
  const action = actionOf(kind);
  // To give up what was not finished deletes nothing that anybody could have had.
  const closed = (action === 'push' && !writes) || (action === 'delete' && !(writes && deletes));
  if (!closed) return undefined;
  if (kind.startsWith('upload.')) return [];
  return kind === 'manifest.delete' && writes ? ['GET', 'HEAD', 'PUT'] : ['GET', 'HEAD'];
}
