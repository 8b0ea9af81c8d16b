import { CopyError, isGantryError } from '../errors.ts';
import { type Content, mapContent } from '../flow/content.ts';
import type { Digest } from '../spec/digest.ts';

export interface Step {
  readonly side: 'source' | 'destination';
  /** What was being done, as in "could not ...". */
  readonly step: string;
  readonly digest?: Digest;
}

/** Runs one step; what it throws says which side failed at what. The caller's abort passes untouched. */
export async function attempt<T>(step: Step, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw failure(step, signal, error);
  }
}

/** The source's content, whose failures are the source's wherever they surface: it is opened by the destination. */
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
  // The innermost step knows best: a source's failure that comes up through the destination stays the source's.
  if (error instanceof CopyError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new CopyError(`${side}: could not ${step}: ${reason}`, {
    side,
    step,
    ...(digest === undefined ? {} : { digest }),
    cause: error,
  });
}

/** How a manifest is refused whose type is not known. */
const refusals = [400, 405, 415, 422];

/** Whether the destination refused this manifest for what it is, and not for what it lacks or for who sent it. */
export function isRefusedManifest(error: unknown, digest: Digest): boolean {
  if (!(error instanceof CopyError) || error.side !== 'destination' || error.digest !== digest) return false;
  if (error.code === 'MANIFEST_INVALID' || error.code === 'UNSUPPORTED') return true;
  const { cause } = error;
  const isNamed = error.code !== 'UNEXPECTED_STATUS' && error.code.endsWith('_UNKNOWN');
  return !isNamed && isGantryError(cause) && refusals.includes(cause.response?.status ?? 0);
}
