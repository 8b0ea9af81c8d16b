import type { HttpRequest, HttpResponse } from '../wire/message.ts';

/** Refusals of a HEAD by registries that answer the same question as a GET. */
const refusals: readonly number[] = [400, 405, 501];

/**
 * Whether a HEAD was refused as a HEAD, so that a GET is to be asked. A store behind a redirect may refuse it with anything:
 * the address that it was sent to is signed for a GET.
 */
export function isRefusedHead({ url }: Pick<HttpRequest, 'url'>, response: HttpResponse): boolean {
  const { status } = response;
  return refusals.includes(status) || (status >= 400 && response.url !== undefined && response.url !== url);
}
