import type { Descriptor } from '../spec/descriptor.ts';
import type { Repository } from '../store/contract.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { ReferrersOperation } from '../wire/operation.ts';
import { referrersAnswer } from '../wire/reply.ts';

/** Bytes of a page, which must remain an index that clients accept: they read manifests up to 4 MiB. */
const pageBytes = 2 * 1024 * 1024;

/**
 * Answers with an index, even an empty one. The entries are sorted by digest, so that the next page can begin after the
 * last one.
 */
export async function listReferrers(
  repository: Repository,
  operation: ReferrersOperation,
  request: HttpRequest,
): Promise<HttpResponse> {
  const { digest: subject, artifactType, last = '' } = operation;
  const rest: Descriptor[] = [];
  for await (const referrer of repository.referrers(subject, { artifactType, signal: request.signal })) {
    if (referrer.digest > last) rest.push(referrer);
  }
  rest.sort((a, b) => (a.digest < b.digest ? -1 : 1));
  const page = rest.slice(0, pageLength(rest));
  const end = page.at(-1);
  return referrersAnswer(page, {
    filtered: artifactType !== undefined,
    ...(end === undefined || page.length === rest.length ? {} : { next: { ...operation, last: end.digest } }),
  });
}

/** Returns the number of entries that fit into one page, at least 1, so that the listing ends. */
function pageLength(entries: readonly Descriptor[]): number {
  let room = pageBytes;
  const first = entries.findIndex((entry) => {
    room -= new TextEncoder().encode(JSON.stringify(entry)).byteLength;
    return room < 0;
  });
  return first < 0 ? entries.length : Math.max(1, first);
}
