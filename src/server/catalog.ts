import type { Registry } from '../store/contract.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { CatalogOperation } from '../wire/operation.ts';
import { namesAnswer } from '../wire/reply.ts';
import type { Limits } from './limits.ts';
import { takePage } from './page.ts';

export async function listCatalog(
  registry: Registry,
  operation: CatalogOperation,
  request: HttpRequest,
  limits: Limits,
): Promise<HttpResponse> {
  const page = await takePage((options) => registry.repositories(options), operation, request, limits);
  const next = page.next === undefined ? undefined : { ...operation, ...page.next };
  return namesAnswer({ repositories: page.names }, next);
}
