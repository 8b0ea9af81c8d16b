import { UnsupportedError } from '../errors.ts';
import { mapContent } from '../flow/content.ts';
import type { Intent, Registry } from '../store/contract.ts';
import { errorReply } from '../wire/error-body.ts';
import type { HttpRequest, HttpResponse, Send } from '../wire/message.ts';
import type { Operation } from '../wire/operation.ts';
import { errorAnswer, jsonAnswer, withoutBody } from '../wire/reply.ts';
import { parseOperation, type RouteFailure } from '../wire/route.ts';
import { deleteBlob, getBlob } from './blobs.ts';
import { listCatalog } from './catalog.ts';
import { deleteManifest, getManifest, putManifest } from './manifests.ts';
import { listReferrers } from './referrers.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { listTags } from './tags.ts';
import { mountBlob, startUpload, stepUpload } from './uploads.ts';

export interface AppOptions {
  /** Whether tags, manifests and blobs can be deleted; without it every such request is refused with 405. Default true. */
  readonly deletes?: boolean;
  /** Whether a mount that names no repository may find the blob in any of them. Default true. */
  readonly anonymousMounts?: boolean;
  /**
   * Whether an image is taken although blobs that it names are not there: the spec leaves that to the registry.
   * Default false: refused with MANIFEST_BLOB_UNKNOWN.
   */
  readonly sparse?: boolean;
  /** Sees what became a 500 or 503, of which the client is told no more than that. */
  readonly onFailure?: (error: unknown, request: HttpRequest) => void;
}

/**
 * A registry as a function from requests to answers: every endpoint of distribution-spec 1.1 over `registry`, which does
 * the storing. Takes a bare path or a URL; rejects only when the request was aborted or its body broke off.
 */
export function createApp(registry: Registry, options: AppOptions = {}): Send {
  const app: App = { ...options, registry, sessions: createSessions() };
  return async (request) => {
    const response = await reply(app, request);
    return request.method === 'HEAD' ? withoutBody(response) : response;
  };
}

interface App extends AppOptions {
  readonly registry: Registry;
  readonly sessions: Sessions;
}

async function reply(app: App, request: HttpRequest): Promise<HttpResponse> {
  const { received, broken } = receive(request);
  try {
    request.signal?.throwIfAborted();
    const operation = parseOperation(request.method, request.url);
    if (operation.kind === 'failure') return refuse(operation);
    return await dispatch(app, operation, received);
  } catch (error) {
    request.signal?.throwIfAborted();
    const failure = broken();
    if (failure !== undefined) throw failure.error;
    const response = errorReply(error);
    if (response.status >= 500) app.onFailure?.(error, request);
    return response;
  }
}

interface Received {
  readonly received: HttpRequest;
  /** What the body failed with by itself, which is no fault of the registry's and gets no answer. */
  readonly broken: () => { readonly error: unknown } | undefined;
}

/** The request as the store may read it: its body ends with its signal. */
function receive(request: HttpRequest): Received {
  const { body, signal } = request;
  if (body === undefined) return { received: request, broken: () => undefined };
  let failure: { readonly error: unknown } | undefined;
  const watched = mapContent(body, async function* (source) {
    try {
      for await (const chunk of source) {
        signal?.throwIfAborted();
        yield chunk;
      }
    } catch (error) {
      failure = { error };
      throw error;
    }
  });
  return { received: { ...request, body: watched }, broken: () => failure };
}

function dispatch(
  { registry, sessions, deletes = true, anonymousMounts = true, sparse = false }: App,
  operation: Operation,
  request: HttpRequest,
): Promise<HttpResponse> | HttpResponse {
  if (operation.kind === 'ping') return jsonAnswer(200, {});
  if (operation.kind === 'catalog') return listCatalog(registry, operation, request);
  // One gate for all that deletes: distribution's once forgot the tags (CVE-2026-41888).
  if (!deletes && (operation.kind === 'blob.delete' || operation.kind === 'manifest.delete')) {
    throw new UnsupportedError(operation.kind, 'nothing can be deleted here');
  }
  const repository = registry.repository(operation.repository, intentOf(operation));
  switch (operation.kind) {
    case 'blob.get':
    case 'blob.head':
      return getBlob(repository, operation, request);
    case 'upload.start':
      return startUpload(repository, operation, request);
    case 'upload.mount':
      return mountBlob(repository, operation, request, { anonymous: anonymousMounts });
    case 'upload.status':
    case 'upload.append':
    case 'upload.commit':
    case 'upload.cancel':
      return sessions(`${operation.repository} ${operation.id}`, () =>
        stepUpload(repository, operation, request),
      );
    case 'manifest.get':
    case 'manifest.head':
      return getManifest(repository, operation, request);
    case 'manifest.put':
      return putManifest(repository, operation, request, { sparse });
    case 'tags.list':
      return listTags(repository, operation, request);
    case 'referrers':
      return listReferrers(repository, operation, request);
    case 'blob.delete':
      return deleteBlob(repository, operation, request);
    case 'manifest.delete':
      return deleteManifest(repository, operation, request);
    default:
      return operation satisfies never;
  }
}

/** Which rights a registry behind this one has to be asked for. */
function intentOf(operation: Operation): Intent {
  switch (operation.kind) {
    case 'upload.mount':
      return {
        actions: ['pull', 'push'],
        ...(operation.from === undefined ? {} : { mountFrom: [operation.from] }),
      };
    case 'upload.start':
    case 'upload.status':
    case 'upload.append':
    case 'upload.commit':
    case 'upload.cancel':
    case 'manifest.put':
      return { actions: ['pull', 'push'] };
    case 'blob.delete':
    case 'manifest.delete':
      return { actions: ['pull', 'delete'] };
    default:
      return { actions: ['pull'] };
  }
}

function refuse({ status, code, message, allow }: RouteFailure): HttpResponse {
  const headers = allow === undefined ? {} : { allow: [allow.join(', ')] };
  return errorAnswer(code, message, { status, headers });
}
