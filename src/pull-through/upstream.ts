import {
  AuthError,
  InputError,
  isGantryError,
  NotFoundError,
  ResponseError,
  TransportError,
  UnsupportedError,
} from '../errors.ts';

/** A failed request to the upstream. */
export interface UpstreamFailure {
  /** The requested content: `manifest library/alpine:3`. */
  readonly what: string;
  /** The error of the upstream, which may name its account. */
  readonly error: unknown;
  /** True if a cached answer was served instead. */
  readonly served: boolean;
}

/**
 * True if the upstream gave no answer, so that a cached one may be served. A refusal and an absence are answers and
 * override the cache.
 */
export function isSilence(error: unknown): boolean {
  if (!isGantryError(error)) return false;
  return !(error instanceof NotFoundError || error instanceof InputError || isRefusal(error));
}

/**
 * Converts a failure of the upstream into the error for clients of the cache. Passes on none of the upstream's words:
 * they speak of the cache's own account (Docker Hub names the user in its 429), and its challenges would make clients
 * log in at the cache. 401 and 403 become DENIED, which a client takes as final. Content that may exist is never
 * reported absent: a failed request keeps its transport code or becomes UNEXPECTED_ANSWER.
 */
export function upstreamError(cause: unknown, what: string): unknown {
  if (!isGantryError(cause) || cause instanceof InputError) return cause;
  if (cause instanceof NotFoundError) {
    return new NotFoundError(cause.code, `${what}: the upstream does not have it`, { cause });
  }
  if (isRefusal(cause)) {
    return new AuthError(
      'DENIED',
      `${what}: the upstream refuses it to this cache: check the cache's login at the upstream`,
      { cause },
    );
  }
  if (cause instanceof TransportError) {
    return new TransportError(cause.code, `${what}: the upstream cannot be reached`, { cause });
  }
  if (cause.code === 'TOOMANYREQUESTS') {
    const wait = cause.response?.retryAfter;
    const when = wait === undefined ? 'later' : `in ${Math.ceil(wait / 1000)} s`;
    return new ResponseError(
      cause.code,
      `${what}: the upstream limits the requests of this cache: try again ${when}`,
      { cause },
    );
  }
  if (cause.code === 'UNSUPPORTED') {
    return new UnsupportedError('upstream', `${what}: the upstream does not support this request`, { cause });
  }
  return new ResponseError('UNEXPECTED_ANSWER', `${what}: the upstream gave an unusable answer`, { cause });
}

function isRefusal(error: unknown): boolean {
  return isGantryError(error, 'UNAUTHORIZED') || isGantryError(error, 'DENIED');
}
