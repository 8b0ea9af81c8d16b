import { CopyError, isGantryError } from '../errors.ts';
import { type Content, mapContent } from '../flow/content.ts';
import type { Digest } from '../spec/digest.ts';

export interface Step {
  readonly side: 'source' | 'destination';
  /** Completes the phrase "could not …". */
  readonly step: string;
  readonly digest?: Digest;
}

/** Runs one step and adds the side and the step to its error. Passes on the caller's abort unchanged. */
export async function attempt<T>(step: Step, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failure(step, signal, error);
  }
}

/** Marks the errors of the source's content as errors of the source, since the destination opens it. */
export function fromSource(content: Content, step: Omit<Step, 'side'>, signal: AbortSignal): Content {
  return mapContent(content, async function* read(bytes) {
    try {
      yield* bytes;
    } catch (error) {
      throw failure({ ...step, side: 'source' }, signal, error);
    }
  });
}

function failure({ side, step, digest }: Step, signal: AbortSignal, error: unknown): unknown {
  if (signal.aborted) return signal.reason;
  // The innermost step is the right one: an error of the source that passes through the destination stays the source's.
  if (error instanceof CopyError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new CopyError(`${side}: could not ${step}: ${reason}`, {
    side,
    step,
    digest,
    cause: error,
  });
}

/** The statuses with which registries refuse a manifest of an unknown type. */
const refusals = [400, 405, 415, 422];

/**
 * True if the destination refused the type of this manifest, and neither missing content nor the login is the cause.
 */
export function isRefusedManifest(error: unknown, digest: Digest): boolean {
  if (!(error instanceof CopyError) || error.side !== 'destination' || error.digest !== digest) return false;
  if (error.code === 'MANIFEST_INVALID' || error.code === 'UNSUPPORTED') return true;
  const { cause } = error;
  const isNamed = error.code !== 'UNEXPECTED_STATUS' && error.code.endsWith('_UNKNOWN');
  return !isNamed && isGantryError(cause) && refusals.includes(cause.response?.status ?? 0);
}
