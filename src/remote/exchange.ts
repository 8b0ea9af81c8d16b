import { AuthError, type GantryError, isGantryError, NotFoundError } from '../errors.ts';
import { discard } from '../flow/collect.ts';
import { createBackoff, type RetryOptions } from '../http/backoff.ts';
import { checkHop, resolveHop } from '../http/origin.ts';
import { wholeAnswer } from '../http/whole-answer.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import type { Intent, SignalOptions } from '../store/contract.ts';
import type { Clock } from '../time/clock.ts';
import { type EncodeOptions, encode } from '../wire/encode.ts';
import { readError } from '../wire/error-body.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { Operation, OperationKind } from '../wire/operation.ts';
import { repositoryScope } from '../wire/scope.ts';
import { type RepositoryLine, sendWithWorkarounds } from './send-with-workarounds.ts';

/** How a repository talks to its registry: what all of its parts need to know. */
export interface Exchange extends RepositoryLine {
  /** Its name for messages: `docker.io`. */
  readonly registry: string;
  readonly download: DownloadOptions;
  /** What a user can do about a 401. */
  readonly loginAdvice?: string;
  /** Told what went otherwise than it should, and is no failure. */
  readonly warn?: ((text: string) => void) | undefined;
  /** The running changes of lists under fallback tags, by repository and tag. */
  readonly fallbackLists: Map<string, ListChanges>;
  /** The time, for waits that no retry is behind. Default: the system's. */
  readonly clock?: Clock | undefined;
}

/** One referrer in the list of its subject: the entry to stand there, or none. */
export interface ListChange {
  readonly digest: Digest;
  readonly entry?: Descriptor;
}

/** The changes of one list that this process makes together. */
export interface ListChanges {
  /** Settles when the change has stayed in the list. */
  change(change: ListChange, signal: AbortSignal | undefined): Promise<void>;
}

/** How answers are read. */
export interface DownloadOptions {
  /**
   * When one breaks off in its middle, which the line no longer repairs. Default: `defaultLayerRetry` for blobs, of which
   * what came is kept and attempts begin again with each 64 KiB; 3 attempts for the rest.
   */
  readonly retry?: RetryOptions | undefined;
}

/** An answer with the request that it answers. */
export interface Answer {
  readonly operation: Operation;
  readonly request: HttpRequest;
  readonly response: HttpResponse;
}

/** The scopes of a repository opened with this intent: its own first, since some token services read only one. */
export function intentScopes(repository: string, { actions, mountFrom = [] }: Intent): readonly string[] {
  const rights = new Set<string>(actions);
  // A push asks what is there already, and registries grant `push` only beside `pull`.
  if (rights.has('push')) rights.add('pull');
  return [
    repositoryScope(repository, [...rights]),
    ...mountFrom.map((source) => repositoryScope(source, ['pull'])),
  ];
}

/** The statuses that are an answer, or a judgement of the whole answer. */
export type Accept =
  | readonly number[]
  | ((request: Pick<HttpRequest, 'url'>, response: HttpResponse) => boolean);

/** One operation. An answer that is not in `accept` is thrown as what it means. */
export function perform(
  exchange: Exchange,
  operation: Operation,
  accept: Accept,
  options: Omit<EncodeOptions, 'scopes'> = {},
): Promise<Answer> {
  const request = encode(operation, exchange.base, { ...options, scopes: exchange.scopes });
  return ask(exchange, request, operation, accept);
}

/** As `perform`, for a request that is made already. */
export async function ask(
  exchange: Exchange,
  request: HttpRequest,
  operation: Operation,
  accept: Accept,
): Promise<Answer> {
  const { registry, scopes } = exchange;
  const response = await sendWithWorkarounds(exchange, request, operation).catch((error: unknown) => {
    throw advisedLogin(error, exchange);
  });
  const isAccepted =
    typeof accept === 'function' ? accept(request, response) : accept.includes(response.status);
  if (isAccepted) return { operation, request, response };
  const [scope] = scopes;
  const error = await readError(response, {
    request,
    what: describe(operation, registry),
    kind: operation.kind,
    registry,
    ...(scope === undefined ? {} : { scope }),
  });
  throw advisedLogin(writes.includes(operation.kind) ? advised(error) : error, exchange);
}

function advisedLogin(error: unknown, { loginAdvice }: Exchange): unknown {
  if (!(error instanceof AuthError) || error.code !== 'UNAUTHORIZED' || loginAdvice === undefined)
    return error;
  const { message, registry, scope, response } = error;
  return new AuthError('UNAUTHORIZED', `${message}; ${loginAdvice}`, {
    cause: error.cause,
    ...(registry === undefined ? {} : { registry }),
    ...(scope === undefined ? {} : { scope }),
    ...(response === undefined ? {} : { response }),
  });
}

const writes: readonly OperationKind[] = ['upload.start', 'upload.append', 'upload.commit', 'manifest.put'];

/** Most registries make a repository with its first push; of the others (ECR) this is all that they say. */
function advised(error: GantryError): GantryError {
  if (!isGantryError(error, 'NAME_UNKNOWN')) return error;
  const { message, response } = error;
  return new NotFoundError('NAME_UNKNOWN', `${message}; create the repository there before the push`, {
    cause: error,
    ...(response === undefined ? {} : { response }),
  });
}

/**
 * Where an answer sends us (a Location, a Link), if the origin policy lets it: byte for byte as it was written, never from
 * https to http, never to a more private address. Throws REDIRECT_REFUSED.
 */
export function followed(
  { base }: Exchange,
  { request, response: { url: from = request.url, secrets } }: Pick<Answer, 'request' | 'response'>,
  to: string,
): string {
  const url = resolveHop(from, to, { secrets });
  checkHop(from, url, { home: base, secrets });
  return url;
}

/** As `perform`, where only the head of the answer counts: its body is let go. */
export async function performBodiless(
  exchange: Exchange,
  operation: Operation,
  accept: Accept,
  options: Omit<EncodeOptions, 'scopes'> = {},
): Promise<Answer> {
  const answer = await perform(exchange, operation, accept, options);
  await discard(answer.response.body);
  return answer;
}

/**
 * An operation whose answer is small: it is read to its end, and asked for once more each time that it breaks off before,
 * or that its bytes have not the digest that they should.
 */
export async function performWhole<T>(
  exchange: Exchange,
  send: (options: SignalOptions) => Promise<Answer>,
  read: (answer: Answer) => Promise<T>,
  { signal }: SignalOptions = {},
): Promise<T> {
  const backoff = createBackoff(exchange.download.retry);
  for (let spoilt = false; ; ) {
    let isAnswered = false;
    try {
      return await wholeAnswer(
        async (attempt) => {
          const answer = await send(attempt);
          isAnswered = true;
          return read({ ...answer, response: attempt.watch(answer.response) });
        },
        { clock: exchange.clock, signal },
      );
    } catch (error) {
      signal?.throwIfAborted();
      // The line has tried as often as makes sense.
      if (!isAnswered) throw error;
      if (!spoilt && isGantryError(error, 'DIGEST_INVALID')) {
        spoilt = true;
        continue;
      }
      const wait = backoff.plan(error);
      if (wait === undefined) throw error;
      await backoff.wait(wait, signal);
    }
  }
}

/** Whether a deletion has removed something. After a lost answer, 404 is what the deletion itself leaves behind. */
export function isDeleted({ status, repeated }: HttpResponse): boolean {
  return status !== 404 || repeated === true;
}

/** What an operation is about, in a user's words. */
export function describe(operation: Operation, registry: string): string {
  switch (operation.kind) {
    case 'ping':
    case 'catalog':
      return registry;
    case 'blob.get':
    case 'blob.head':
    case 'blob.delete':
      return `blob ${registry}/${operation.repository}@${operation.digest}`;
    case 'manifest.get':
    case 'manifest.head':
    case 'manifest.put':
    case 'manifest.delete': {
      const { repository, reference } = operation;
      return `manifest ${registry}/${repository}${reference.includes(':') ? '@' : ':'}${reference}`;
    }
    case 'tags.list':
      return `tags of ${registry}/${operation.repository}`;
    case 'referrers':
      return `referrers of ${registry}/${operation.repository}@${operation.digest}`;
    default:
      return `upload to ${registry}/${operation.repository}`;
  }
}
