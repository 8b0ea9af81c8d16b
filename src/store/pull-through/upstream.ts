import {
  AuthError,
  InputError,
  isGantryError,
  NotFoundError,
  ResponseError,
  TransportError,
  UnsupportedError,
} from '../../errors.ts';

/** What an upstream did not give. */
export interface UpstreamFailure {
  /** What was asked for: `manifest library/alpine:3`. */
  readonly what: string;
  readonly error: unknown;
  /** Whether what is kept was answered in its place. */
  readonly served: boolean;
}

/**
 * Whether the upstream has not said what it has: then what is kept of it may be answered. A refusal and an absence are
 * answers, and stand over what is kept.
 */
export function isSilence(error: unknown): boolean {
  if (!isGantryError(error)) return false;
  return !(error instanceof NotFoundError || error instanceof InputError || isRefusal(error));
}

/**
 * A failure of the upstream as those may see it who ask the cache. None of its words are handed on: they speak of the
 * cache's own account (Docker Hub names the user in its 429), and its challenges would make clients log in at the cache.
 * So 401 and 403 are DENIED, which a client takes for final, and nothing is called absent that may be there: what could not
 * be found out keeps the code of the way to it, or is UNEXPECTED_ANSWER.
 */
export function upstreamError(cause: unknown, what: string): unknown {
  if (!isGantryError(cause) || cause instanceof InputError) return cause;
  if (cause instanceof NotFoundError) {
    return new NotFoundError(cause.code, `${what}: the upstream does not have it`, { cause });
  }
  if (isRefusal(cause)) {
    return new AuthError('DENIED', `${what}: the upstream does not give it to this cache`, { cause });
  }
  if (cause instanceof TransportError) {
    return new TransportError(cause.code, `${what}: the upstream can't be asked`, { cause });
  }
  if (cause.code === 'TOOMANYREQUESTS') {
    return new ResponseError(cause.code, `${what}: the upstream wants fewer requests of this cache`, {
      cause,
    });
  }
  if (cause.code === 'UNSUPPORTED') {
    return new UnsupportedError('upstream', `${what}: the upstream does not answer that`, { cause });
  }
  return new ResponseError('UNEXPECTED_ANSWER', `${what}: the upstream gave no answer of use`, { cause });
}

function isRefusal(error: unknown): boolean {
  return isGantryError(error, 'UNAUTHORIZED') || isGantryError(error, 'DENIED');
}
