import type { Content } from '../flow/content.ts';

/** Header names in lower case, each with its lines in order: repeated headers are never joined. */
export type HeaderMap = Readonly<Record<string, readonly string[]>>;

/** What travels to a registry. The client makes it, the embedded registry takes it: both are `Send`. */
export interface HttpRequest {
  readonly method: string;
  /** Absolute for a client (`https://host/v2/...`), byte-exact: never rebuilt from parts of an answer. A server takes a bare path too. */
  readonly url: string;
  readonly headers: HeaderMap;
  readonly body?: Content;
  /** The token scopes that this request and those that will follow it need, e.g. `repository:a/b:pull,push`. */
  readonly scopes?: readonly string[];
  /** `safe`: may be sent again as it is. `never`: only its maker knows how to go on (uploads). */
  readonly replay: 'safe' | 'never';
  /** How long the answer may take once the body is sent, in milliseconds, where the usual limit is too short (a closing PUT). */
  readonly answerWithin?: number;
  /** The address of the answer that named this one's (a redirect, a realm): it may not lead closer to us than its sender is. */
  readonly sentBy?: string;
  /** What the answer may repeat and no log or error may: the password, the token and the like that it is sent with. */
  readonly secrets?: readonly string[];
  /** How a server got it; none where it was handed over within the process. */
  readonly arrival?: Arrival;
  readonly signal?: AbortSignal | undefined;
}

/** What a server knows of a connection by itself, whatever is said over it. */
export interface Arrival {
  /** Where it listens: `http://127.0.0.1:5000`. */
  readonly listener: string;
  /** The IP address that the connection came from. */
  readonly peer?: string;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: HeaderMap;
  /** Read it, or end its iteration (`return()`): an unread body holds a connection. */
  readonly body: AsyncIterable<Uint8Array>;
  /** The URL that answered, after redirects. */
  readonly url?: string;
  /** Those of the request that it answers. */
  readonly secrets?: readonly string[];
}

/**
 * One exchange. Rejects only when there is no answer (TransportError); an error status is an answer.
 * The answer may come while the request's body is still being sent: the sender then stops the source.
 */
export type Send = (request: HttpRequest) => Promise<HttpResponse>;

/** One concern of sending, wrapped around the next. */
export type Middleware = (next: Send) => Send;
