import type { HttpRequest, HttpResponse } from '../wire/message.ts';

/** Refusals of a HEAD by registries that answer the same question as a GET. */
const refusals: readonly number[] = [400, 405, 501];

/**
 * Returns whether the refusal is about the method HEAD, so that gantry sends a GET. A store behind a redirect may refuse HEAD
 * with any status, because its address is signed for a GET.
 */
export function isRefusedHead({ url }: Pick<HttpRequest, 'url'>, response: HttpResponse): boolean {
  const { status } = response;
  return refusals.includes(status) || (status >= 400 && response.url !== undefined && response.url !== url);
}
