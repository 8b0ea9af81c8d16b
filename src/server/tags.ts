import type { Repository } from '../store/contract.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { TagsOperation } from '../wire/operation.ts';
import { namesAnswer } from '../wire/reply.ts';
import type { Limits } from './limits.ts';
import { takePage } from './page.ts';

export async function listTags(
  { name, tags }: Repository,
  operation: TagsOperation,
  request: HttpRequest,
  limits: Limits,
): Promise<HttpResponse> {
  const page = await takePage((options) => tags.list(options), operation, request, limits);
  const next = page.next === undefined ? undefined : { ...operation, ...page.next };
  return namesAnswer({ name, tags: page.names }, next);
}
