import type { HostSettings } from '../hosts/hosts.ts';
import type { RetryOptions } from '../http/backoff.ts';
import type { WarningObserver, WireObserver } from '../http/event.ts';
import type { ProxyOption } from '../http/node/proxy.ts';
import type { TimeoutOptions } from '../http/timeout.ts';
import type { Transport } from '../http/transport.ts';
import type { Keychain } from '../keychain/credential.ts';
import type { UploadOptions } from '../remote/upload/plan.ts';
import type { RootNotes } from '../store/known-roots.ts';
import type { Send } from '../wire/message.ts';
import type { StandardStreams } from './standard.ts';

/** The way to registries: credentials, transport, retries and limits. */
export interface ConnectionOptions extends HostSettings {
  /**
   * Finds the credentials for a registry.
   * @defaultValue `createKeychain()`, which reads docker's config file and its credential helpers
   */
  readonly keychain?: Keychain | undefined;
  /**
   * Sends the requests. `fetchTransport` makes one of a `fetch`; the handler of an embedded registry is one. A transport
   * of the caller handles `tls`, `proxy`, the connect timeout and DNS itself.
   * @defaultValue `createNodeTransport()`: HTTP/1.1 with connections that are kept alive
   */
  readonly transport?: Transport | Send | undefined;
  /**
   * The proxy for requests.
   * @defaultValue the variables HTTP_PROXY, HTTPS_PROXY, ALL_PROXY and NO_PROXY
   */
  readonly proxy?: ProxyOption | undefined;
  /**
   * Retries of requests that may be repeated as they are, and in `uploads` and `downloads` those of blobs.
   * @defaultValue 3 attempts, with waits from 1 s that triple
   */
  readonly retry?: ClientRetryOptions | undefined;
  /** The way to send blobs: chunks and mounts. */
  readonly upload?: Omit<UploadOptions, 'retry'> | undefined;
  /**
   * Notes on the images that copies have left in registries, from `createRootNotes`. With them, a copy of the same image by a
   * later process asks for it alone before anything else.
   * @defaultValue none; the client itself remembers them while it lives
   */
  readonly rootNotes?: RootNotes | undefined;
  /** The limits of every wait, in milliseconds. */
  readonly timeouts?: ConnectionTimeouts | undefined;
  /**
   * Bytes per second that the bodies of requests take together, and those of answers; at least 1024. All clients of the process
   * with the same number share it.
   * @defaultValue no limit
   */
  readonly bandwidth?: number | undefined;
  /**
   * The `User-Agent` of every request.
   * @defaultValue `'gantry'`
   */
  readonly userAgent?: string | undefined;
  /** Receives every request, response, retry and warning, with secrets redacted. */
  readonly onWire?: WireObserver | undefined;
  /** Receives every warning, which `onWire` gets too. It costs nothing for each request. */
  readonly onWarning?: WarningObserver | undefined;
  /**
   * The address of the docker daemon, as in DOCKER_HOST: `unix:///var/run/docker.sock` or `tcp://HOST:PORT`.
   * @defaultValue DOCKER_HOST, docker's context, or the first default socket that exists
   */
  readonly daemonHost?: string | undefined;
  /**
   * The streams behind `-` as the path of an archive.
   * @defaultValue none, so that `-` is INVALID_OPTION
   */
  readonly standard?: StandardStreams | undefined;
}

/** The retries of a client. */
export interface ClientRetryOptions extends RetryOptions {
  /**
   * The attempts to upload one blob. They count from the start when the registry has more of the blob than ever before.
   * @defaultValue `defaultLayerRetry`
   */
  readonly uploads?: RetryOptions | undefined;
  /**
   * The attempts to download one blob. They count from the start with each 64 KiB that arrive. A manifest or a list gets 3
   * attempts.
   * @defaultValue `defaultLayerRetry`
   */
  readonly downloads?: RetryOptions | undefined;
}

/** The limits of every wait, in milliseconds. */
export interface ConnectionTimeouts extends TimeoutOptions {
  /**
   * Milliseconds until a connection, TLS included, must stand.
   * @defaultValue 30,000
   */
  readonly connect?: number;
}
