import {
  callback,
  checkArgument,
  checkOptions,
  flag,
  given,
  object,
  optionsOf,
  type Shape,
} from '../spec/options.ts';
import { aRegistry } from '../store/checks.ts';
import type { Intent, Registry } from '../store/contract.ts';
import { errorReply } from '../wire/error-body.ts';
import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import { actionOf, type Operation } from '../wire/operation.ts';
import { errorAnswer, jsonAnswer, withoutBody } from '../wire/reply.ts';
import { parseOperation, type RouteFailure } from '../wire/route.ts';
import { type Access, createAccess } from './access/access.ts';
import { sourceAddressOf } from './access/source.ts';
import { deleteBlob, getBlob } from './blobs.ts';
import { listCatalog } from './catalog.ts';
import type { Note, Serve, ServedResponse } from './exchange.ts';
import { defaultLimits, type Limits, limitsShape } from './limits.ts';
import { deleteManifest, getManifest, putManifest } from './manifests.ts';
import { type MethodPolicyOptions, remainingMethods } from './method-policy.ts';
import { listReferrers } from './referrers.ts';
import type { UploadOwner } from './session-book.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { listTags } from './tags.ts';
import { mountBlob, startUpload, stepUpload } from './uploads.ts';
import { type WatchedBody, watchBody } from './watched-body.ts';

/** Settings of `createApp`. */
export interface AppOptions extends MethodPolicyOptions {
  /** Checks each request (`createAccess`). By default every client may do everything. */
  readonly access?: Access | undefined;
  /** Whether a mount without a source repository may find the blob in any repository. Default true. */
  readonly anonymousMounts?: boolean | undefined;
  /**
   * Whether an image is accepted although blobs that it names are missing; the specification leaves this to the
   * registry. Default false: the put is refused with MANIFEST_BLOB_UNKNOWN.
   */
  readonly sparse?: boolean | undefined;
  /** Limits for clients. Missing ones are taken from `defaultLimits`. */
  readonly limits?: Partial<Limits> | undefined;
  /** The record of upload sessions, if others need to see it. By default the app creates its own with these limits. */
  readonly sessions?: Sessions | undefined;
  /** Receives each error that became a 500 or 503. The client sees only the status. */
  readonly onFailure?: ((error: unknown, request: HttpRequest) => void) | undefined;
}

/** The shape of `AppOptions`, for functions that create an app themselves. */
export const appOptions: Shape<AppOptions> = {
  writes: flag,
  deletes: flag,
  access: object,
  anonymousMounts: flag,
  sparse: flag,
  limits: optionsOf(limitsShape),
  sessions: object,
  onFailure: callback,
};

/**
 * Creates a registry as a function from requests to answers. It serves every endpoint of distribution-spec 1.1 over
 * `registry`, which stores the content. Accepts a bare path or a URL. Rejects only when the request was aborted or its
 * body broke off.
 */
export function createApp(registry: Registry, options: AppOptions = {}): Serve {
  checkArgument('createApp', 'registry', registry, aRegistry);
  checkOptions('createApp', options, appOptions);
  const limits = { ...defaultLimits, ...given(options.limits ?? {}) };
  const { sessions = createSessions(limits), access = createAccess() } = options;
  const app: App = { ...options, registry, sessions, access, limits };
  const serve: Serve = async (request) => {
    const response = await reply(app, request);
    return request.method === 'HEAD' ? withoutBody(response) : response;
  };
  return access.guarded ? Object.assign(serve, { guarded: true }) : serve;
}

interface App extends AppOptions {
  readonly registry: Registry;
  readonly sessions: Sessions;
  readonly access: Access;
  readonly limits: Limits;
}

async function reply(app: App, request: HttpRequest): Promise<ServedResponse> {
  const body = request.body === undefined ? undefined : watchBody(request.body, request.signal);
  const received = body === undefined ? request : { ...request, body: body.content };
  let note: Note = {};
  try {
    request.signal?.throwIfAborted();
    const other = await app.access.answer(received);
    if (other !== undefined) return other;
    const operation = parseOperation(request.method, request.url, app.limits);
    if (operation.kind === 'failure') return refuse(operation);
    note = { operation: operation.kind };
    // The only access check: every request passes it before anything is looked up.
    const entrance = await app.access.enter(received, operation);
    if (entrance.user !== undefined) note = { ...note, user: entrance.user };
    if (entrance.kind === 'refused') return { ...entrance.response, note };
    const registry = entrance.view(app.registry);
    const owner = ownerOf(app.access, entrance.user, request);
    return { ...(await dispatch({ ...app, registry, owner }, operation, received, body)), note };
  } catch (error) {
    request.signal?.throwIfAborted();
    const failure = body?.broken();
    if (failure !== undefined) throw failure.error;
    const response = errorReply(error);
    if (response.status >= 500) app.onFailure?.(error, request);
    return { ...response, note };
  }
}

/**
 * Returns the owner of a client's uploads, for the limits. Without a login, all clients on this machine have no owner
 * and share no limit.
 */
function ownerOf({ guarded }: Access, user: string | undefined, { arrival }: HttpRequest): UploadOwner {
  if (user !== undefined) return `user ${user}`;
  const source = sourceAddressOf(arrival?.peer);
  if (source !== undefined) return `from ${source}`;
  return guarded ? 'nobody' : undefined;
}

function dispatch(
  app: App & { readonly owner: UploadOwner },
  operation: Operation,
  request: HttpRequest,
  body: WatchedBody | undefined,
): Promise<HttpResponse> | HttpResponse {
  const { registry, sessions, limits, owner, anonymousMounts = true, sparse = false } = app;
  const allow = remainingMethods(operation.kind, app);
  if (allow !== undefined) return refuse(switchedOff(allow));
  if (operation.kind === 'ping') return jsonAnswer(200, {});
  if (operation.kind === 'catalog') return listCatalog(registry, operation, request, limits);
  const repository = registry.repository(operation.repository, intentOf(operation));
  switch (operation.kind) {
    case 'blob.get':
    case 'blob.head':
      return getBlob(repository, operation, request);
    case 'upload.start':
      return startUpload(repository, operation, request, app);
    case 'upload.mount':
      return mountBlob(repository, operation, request, { sessions, owner, anonymous: anonymousMounts });
    case 'upload.status':
    case 'upload.append':
    case 'upload.commit':
    case 'upload.cancel':
      return sessions.step({ repository, operation, request, body, owner }, (upload) =>
        stepUpload(repository, upload, operation, request, limits),
      );
    case 'manifest.get':
    case 'manifest.head':
      return getManifest(repository, operation, request);
    case 'manifest.put':
      return putManifest(repository, operation, request, { sparse, limits });
    case 'tags.list':
      return listTags(repository, operation, request, limits);
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

/** Returns the rights that this operation needs at the registry behind this one. */
function intentOf(operation: Operation): Intent {
  const action = actionOf(operation.kind) ?? 'pull';
  const from = operation.kind === 'upload.mount' ? operation.from : undefined;
  return {
    actions: action === 'pull' ? ['pull'] : ['pull', action],
    mountFrom: from === undefined ? undefined : [from],
  };
}

function switchedOff(allow: readonly string[]): RouteFailure {
  const message = 'this registry does not allow this operation';
  return { kind: 'failure', status: 405, code: 'UNSUPPORTED', message, allow };
}

function refuse({ status, code, message, allow }: RouteFailure): HttpResponse {
  const headers = allow === undefined ? {} : { allow: [allow.join(', ')] };
  return errorAnswer(code, message, { status, headers });
}
