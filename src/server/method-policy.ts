import { actionOf, type OperationKind } from '../wire/operation.ts';

/** The changes that a registry permits. */
export interface MethodPolicyOptions {
  /** Whether clients may change anything. With `false`, every change is refused with 405. Default true. */
  readonly writes?: boolean | undefined;
  /**
   * Whether clients may delete tags, manifests and blobs. With `false`, every deletion is refused with 405. Default
   * true.
   */
  readonly deletes?: boolean | undefined;
}

/**
 * Returns the methods that remain when this operation is switched off, or undefined when it is allowed. All deletions
 * share this check: distribution once forgot the tags (CVE-2026-41888).
 */
export function remainingMethods(
  kind: OperationKind,
  { writes = true, deletes = true }: MethodPolicyOptions,
): readonly string[] | undefined {
  const action = actionOf(kind);
  // Cancelling an unfinished upload deletes no published content.
  const closed = (action === 'push' && !writes) || (action === 'delete' && !(writes && deletes));
  if (!closed) return undefined;
  if (kind.startsWith('upload.')) return [];
  return kind === 'manifest.delete' && writes ? ['GET', 'HEAD', 'PUT'] : ['GET', 'HEAD'];
}
