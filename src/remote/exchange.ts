import { AuthError, type GantryError, isGantryError, NotFoundError } from '../errors.ts';
import { discard } from '../flow/collect.ts';
import { createBackoff, defaultLayerRetry, type RetryOptions } from '../http/backoff.ts';
import type { Bandwidth } from '../http/bandwidth.ts';
import { checkHop, resolveHop } from '../http/origin.ts';
import { wholeAnswer } from '../http/whole-answer.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import type { Digest } from '../spec/digest.ts';
import { given } from '../spec/options.ts';
import type { Intent, SignalOptions } from '../store/contract.ts';
import type { Clock } from '../time/clock.ts';
import { type EncodeOptions, encode } from '../wire/encode.ts';
import { readError } from '../wire/error-body.ts';
import { resolveLocation } from '../wire/location.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { Operation, OperationKind } from '../wire/operation.ts';
import { repositoryScope } from '../wire/scope.ts';
import type { RootMemory } from './known-roots.ts';
import type { Resources } from './resources.ts';
import { type RepositoryLine, sendWithWorkarounds } from './send-with-workarounds.ts';

/** The connection of a repository to its registry, and the facts that all of its parts need. */
export interface Exchange extends RepositoryLine {
  /** Its name for messages: `docker.io`. */
  readonly registry: string;
  readonly resources: Resources;
  /** The limit of bytes per second that `send` keeps. */
  readonly bandwidth?: Bandwidth | undefined;
  /** The manifests that gantry has seen in the registry. */
  readonly roots: RootMemory;
  readonly download: DownloadOptions;
  /** Advice for the user after a 401. */
  readonly loginAdvice?: string | undefined;
  /** Called with a text about a deviation that is no failure. */
  readonly warn?: ((text: string) => void) | undefined;
  /** The running changes of lists under fallback tags, by repository and tag. */
  readonly fallbackLists: Map<string, ListChanges>;
  /** The clock for waits outside of retries. Default: the system's. */
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

/** Options for reading answers. */
export interface DownloadOptions {
  /**
   * Attempts after an answer breaks off in its middle, which the line no longer repairs. Default: `defaultLayerRetry` for
   * blobs, which continue after the last byte and count attempts from the start after each 64 KiB; 3 attempts for the rest.
   */
  readonly retry?: RetryOptions | undefined;
}

/**
 * Completes the options with `defaultLayerRetry`. In the middle of a blob a refused connection may pass, too: the registry
 * restarts.
 */
export function downloadRetry(options: RetryOptions = {}): RetryOptions {
  return {
    ...defaultLayerRetry,
    ...given(options),
    retryable: (error, judged) => {
      const passing = judged || isGantryError(error, 'NO_CONNECTION');
      return options.retryable?.(error, passing) ?? passing;
    },
  };
}

/** An answer with the request that it answers. */
export interface Answer {
  readonly operation: Operation;
  readonly request: HttpRequest;
  readonly response: HttpResponse;
}

/** Returns the scopes for a repository with this intent, its own first, since some token services read only one. */
export function intentScopes(repository: string, { actions, mountFrom = [] }: Intent): readonly string[] {
  const rights = new Set<string>(actions);
  // A push asks for existing content first, and registries grant `push` only together with `pull`.
  if (rights.has('push')) rights.add('pull');
  return [
    repositoryScope(repository, [...rights]),
    ...mountFrom.map((source) => repositoryScope(source, ['pull'])),
  ];
}

/** The statuses that count as an answer, or a function that judges the whole answer. */
export type Accept =
  | readonly number[]
  | ((request: Pick<HttpRequest, 'url'>, response: HttpResponse) => boolean);

/** Performs one operation. Throws the error that an answer outside of `accept` stands for. */
export function perform(
  exchange: Exchange,
  operation: Operation,
  accept: Accept,
  options: Omit<EncodeOptions, 'scopes'> = {},
): Promise<Answer> {
  const request = encode(operation, exchange.base, { ...options, scopes: exchange.scopes });
  return ask(exchange, request, operation, accept);
}

/** Does the same as `perform` for an encoded request. */
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
    what: describeOperation(operation, registry),
    kind: operation.kind,
    registry,
    scope,
  });
  throw advisedLogin(writes.includes(operation.kind) ? advised(error) : error, exchange);
}

function advisedLogin(error: unknown, { loginAdvice }: Exchange): unknown {
  if (!(error instanceof AuthError) || error.code !== 'UNAUTHORIZED' || loginAdvice === undefined)
    return error;
  const { message, registry, scope, response } = error;
  return new AuthError('UNAUTHORIZED', `${message}; ${loginAdvice}`, {
    cause: error.cause,
    registry,
    scope,
    response,
  });
}

const writes: readonly OperationKind[] = ['upload.start', 'upload.append', 'upload.commit', 'manifest.put'];

/** Adds advice to NAME_UNKNOWN: most registries create a repository with its first push, and others (ECR) say no more. */
function advised(error: GantryError): GantryError {
  if (!isGantryError(error, 'NAME_UNKNOWN')) return error;
  const { message, response } = error;
  return new NotFoundError('NAME_UNKNOWN', `${message}; create the repository there before the push`, {
    cause: error,
    response,
  });
}

/**
 * Returns the URL that an answer names (in a Location or a Link), byte for byte, if the origin policy permits it: never from
 * https to http, and never to a more private address. Throws REDIRECT_REFUSED.
 */
export function followed(
  { base }: Exchange,
  { request, response: { url: from = request.url, secrets } }: Pick<Answer, 'request' | 'response'>,
  to: string,
): string {
  const home = `${base}/`;
  // An address within the registry is always permitted, and most are.
  if (from.startsWith(home) && to.startsWith(home)) return resolveLocation(to, from);
  const url = resolveHop(from, to, { secrets });
  checkHop(from, url, { home: base, secrets });
  return url;
}

/** Does the same as `perform`, and discards the body of the answer. */
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
 * Performs an operation with a small answer, and reads the answer to its end. Asks again each time that the answer breaks off,
 * and once if its bytes have another digest.
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
      // The line has already made all attempts.
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

/** Returns whether a deletion removed anything. After a lost answer, the 404 is the effect of the deletion itself. */
export function isDeleted({ status, repeated }: HttpResponse): boolean {
  return status !== 404 || repeated === true;
}

/** Names the object of an operation in a user's words. */
export function describeOperation(operation: Operation, registry: string): string {
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
    case 'upload.start':
    case 'upload.mount':
    case 'upload.status':
    case 'upload.append':
    case 'upload.commit':
    case 'upload.cancel':
      return `upload to ${registry}/${operation.repository}`;
    default:
      return operation satisfies never;
  }
}
