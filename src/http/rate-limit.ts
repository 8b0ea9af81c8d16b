import { headerValue, wholeNumber } from '../wire/headers.ts';
import type { HeaderMap } from '../wire/message.ts';

/** The request limit that a host reports. */
export interface RateLimit {
  /** Maximum number of requests in one window, or of the unit that the host counts. */
  readonly limit: number;
  /** The rest of the limit in this window. */
  readonly remaining: number;
  /** Length of the window in seconds. */
  readonly window?: number;
}

/**
 * Parses Docker Hub's `ratelimit-limit: 100;w=21600` and `ratelimit-remaining: 76;w=21600`, and the `x-ratelimit-*`
 * headers of GitHub and GitLab. Returns undefined when a header is missing or is not a number.
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
