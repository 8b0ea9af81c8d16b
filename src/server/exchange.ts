import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { OperationKind } from '../wire/operation.ts';

/** A served request and its outcome, for logs and metrics. */
export interface Exchange {
  /** The method of the request. */
  readonly method: string;
  /** The request target as received. It may contain secrets and must not be logged unchanged. */
  readonly target: string;
  /** The HTTP status. Undefined when the connection broke before an answer. */
  readonly status?: number;
  /** Whether the whole answer was sent, as far as the server can tell. */
  readonly whole: boolean;
  /** The start of the request. */
  readonly startedAt: Date;
  /** Milliseconds from the first line of the request to the last byte of the answer. */
  readonly duration: number;
  /** Bytes of the request's body that were read. */
  readonly received: number;
  /** Bytes of the answer's body that were sent. */
  readonly sent: number;
  /** The address of the client. */
  readonly remoteAddress?: string;
  /** The User-Agent header of the request. */
  readonly userAgent?: string;
  /** Details from the handler of the request. */
  readonly note: Note;
}

/** Details of an exchange that only its handler knows. */
export interface Note {
  /** The kind of operation. Undefined for a path or method that the registry does not know. */
  readonly operation?: OperationKind;
  /** The authenticated user. */
  readonly user?: string;
}

/** An answer with a note, which is never sent. */
export interface ServedResponse extends HttpResponse {
  /** Details for the observer of the exchange. */
  readonly note?: Note;
}

/** A `Send` on the serving side: a handler for requests. */
export interface Serve {
  /** Answers one request. Rejects only when the client has gone. */
  (request: HttpRequest): Promise<ServedResponse>;
  /** Whether the handler authenticates every caller. */
  readonly guarded?: boolean;
}

/** Observes every exchange of a server. It must not throw. */
export interface ExchangeObserver {
  /** Called when a request begins. */
  started?(): void;
  /** Called when an exchange has ended, with or without an answer. */
  ended(exchange: Exchange): void;
}

/** Returns the answer with an extended note. */
export function noted(response: ServedResponse, note: Note): ServedResponse {
  return { ...response, note: { ...response.note, ...note } };
}

/** Combines several observers into one. */
export function observers(all: readonly ExchangeObserver[]): ExchangeObserver {
  return {
    started() {
      for (const observer of all) observer.started?.();
    },
    ended(exchange) {
      for (const observer of all) observer.ended(exchange);
    },
  };
}
