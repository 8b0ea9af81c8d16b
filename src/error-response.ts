/** The registry's answer in a form that is safe to show: without secrets and of limited length. */
export interface ErrorResponse {
  /** The method of the request. */
  readonly method: string;
  /** The URL of the request, with credentials and unknown query values redacted. */
  readonly url: string;
  /** The HTTP status. */
  readonly status: number;
  /** The entries of the error body; empty if the body was in no known form. */
  readonly errors: readonly RegistryError[];
  /** Milliseconds that the registry asked to wait before the next request (Retry-After); undefined if it did not. */
  readonly retryAfter?: number;
  /** True if the request was sent before and that answer was lost: the registry may have carried the first one out. */
  readonly repeated?: true;
}

/** One entry of a registry's error body. `message` and `detail` are the registry's words; do not trust them. */
export interface RegistryError {
  /** The registry's code, such as `MANIFEST_UNKNOWN`; `UNKNOWN` if it sent none. */
  readonly code: string;
  /** The registry's explanation. */
  readonly message?: string;
  /** Further facts in any form. */
  readonly detail?: unknown;
}
