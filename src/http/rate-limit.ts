import { headerValue, wholeNumber } from '../wire/headers.ts';
import type { HeaderMap } from '../wire/message.ts';

/** What a host says of how much may be asked of it. */
export interface RateLimit {
  /** Requests, or whatever the host counts, in one window. */
  readonly limit: number;
  /** How much of it is left. */
  readonly remaining: number;
  /** The window's length in seconds. */
  readonly window?: number;
}

/**
 * Docker Hub's `ratelimit-limit: 100;w=21600` and `ratelimit-remaining: 76;w=21600`, and `x-ratelimit-*` as GitHub's and
 * GitLab's servers have it. Undefined where either is missing or no number.
 * @see https://docs.docker.com/docker-hub/usage/pulls/
 */
export function parseRateLimit(headers: HeaderMap): RateLimit | undefined {
  const value = (name: string): string | undefined =>
    headerValue(headers, `ratelimit-${name}`) ?? headerValue(headers, `x-ratelimit-${name}`);
  const [limit, remaining] = [value('limit'), value('remaining')].map((text) =>
    wholeNumber(text?.split(/[;,]/, 1)[0]?.trim()),
  );
  if (limit === undefined || remaining === undefined) return undefined;
  const window = wholeNumber(/;\s*w=(\d+)/.exec(value('limit') ?? '')?.[1]);
  return { limit, remaining, ...(window === undefined ? {} : { window }) };
}
