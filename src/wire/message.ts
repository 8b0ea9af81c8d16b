import type { Content, OpenOptions } from '../flow/content.ts';

/** Maps a header name in lower case to its lines in order. Repeated headers are never joined. */
export type HeaderMap = Readonly<Record<string, readonly string[]>>;

/** A request to a registry. The client makes it and the embedded registry handles it, both as a `Send`. */
export interface HttpRequest {
  /** Upper case, such as `GET`. */
  readonly method: string;
  /**
   * Absolute for a client (`https://host/v2/...`). Sent byte for byte and never rebuilt from parts. A server also takes
   * a bare path.
   */
  readonly url: string;
  /** The parts of `url`, if a step has parsed it. A step that changes `url` may leave an old target here. */
  readonly target?: TargetUri;
  /** The header lines to send. The transport adds Host. */
  readonly headers: HeaderMap;
  /** The content to send; undefined for a request without a body. */
  readonly body?: Content | undefined;
  /** The token scopes that this request and the following ones need, e.g. `repository:a/b:pull,push`. */
  readonly scopes?: readonly string[] | undefined;
  /** `safe`: a layer may send the request again unchanged. `never`: only its sender knows how to continue (uploads). */
  readonly replay: 'safe' | 'never';
  /** Milliseconds for the answer after the body is sent. Set where the default limit is too short (a closing PUT). */
  readonly answerWithin?: number | undefined;
  /**
   * Receives the answer that comes second, where two requests went out because the first one was silent. Its receiver
   * disposes of the body. Without this function the slower request is aborted.
   */
  readonly onLate?: ((response: HttpResponse) => void) | undefined;
  /**
   * The URL of the answer that named this URL (redirect, realm). It may not lead into a more private network than its
   * own.
   */
  readonly sentBy?: string;
  /** The secrets of the line, which no log or error may show although an answer may repeat them. The line sets them. */
  readonly secrets?: readonly string[];
  /** How the request reached a server; undefined when it was handed over within the process. */
  readonly arrival?: Arrival;
  /** Offers memory for the body of the answer. A transport may place chunks there. */
  readonly offer?: OpenOptions['offer'];
  /** Aborts the exchange. */
  readonly signal?: AbortSignal | undefined;
  /** Aborts `signal`, if a step has made that for this attempt alone. A later step then needs no signal of its own. */
  readonly abort?: AbortController;
}

/** The server and the request target of a URL. */
export interface TargetUri {
  /** The URL itself, as given. */
  readonly url: string;
  /** Whether the scheme is https. */
  readonly secure: boolean;
  /** The host name, without the brackets of an IPv6 address. */
  readonly hostname: string;
  /** Host and port; the default port of the scheme is left out. Error messages and limits use this name. */
  readonly host: string;
  /** The port, also the default one. */
  readonly port: number;
  /** Path and query, byte for byte as given. */
  readonly path: string;
}

/** Facts about a connection that the server knows itself, independent of the request's content. */
export interface Arrival {
  /** The origin that the server listens on: `http://127.0.0.1:5000`. */
  readonly listener: string;
  /** The IP address of the client. */
  readonly peer?: string | undefined;
}

/** The answer to a request, with any status. */
export interface HttpResponse {
  /** The HTTP status code. */
  readonly status: number;
  /** The header lines of the answer. */
  readonly headers: HeaderMap;
  /** Read it, or end its iteration (`return()`): an unread body holds a connection. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The URL that answered, after redirects. */
  readonly url?: string;
  /** Set where the request was sent before and that answer was lost: the server may have carried it out then. */
  readonly repeated?: true;
  /** The secrets of the line, which the answer may repeat. The line sets them. */
  readonly secrets?: readonly string[];
}

/**
 * Sends one request. Rejects only when no answer comes (TransportError); an error status is an answer. The answer may
 * come while the request's body is still being sent; the sender then stops reading the body.
 */
export type Send = (request: HttpRequest) => Promise<HttpResponse>;

/** Adds one concern, such as retries, around the next `Send`. */
export type Middleware = (next: Send) => Send;
