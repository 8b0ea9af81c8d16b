import type { HttpRequest, HttpResponse } from '../wire/message.ts';
import type { OperationKind } from '../wire/operation.ts';

/** A request and what came of it, for logs and counts. */
export interface Exchange {
  readonly method: string;
  /** As it came: it may hold what no log may. */
  readonly target: string;
  /** Undefined when the connection broke off before there was an answer. */
  readonly status?: number;
  /** Whether the answer arrived whole, as far as the sender can tell. */
  readonly whole: boolean;
  readonly startedAt: Date;
  /** From the request's first line to the answer's last byte, in milliseconds. */
  readonly duration: number;
  /** Bytes of the body of the request, as far as they were read. */
  readonly received: number;
  /** Bytes of the body of the answer. */
  readonly sent: number;
  readonly remoteAddress?: string;
  readonly userAgent?: string;
  readonly note: Note;
}

/** What only the maker of an answer knows of the exchange. */
export interface Note {
  /** Undefined for a path or method that means nothing here. */
  readonly operation?: OperationKind;
  /** Who the caller has shown to be. */
  readonly user?: string;
}

/** An answer and what is noted of it, which is never sent. */
export interface ServedResponse extends HttpResponse {
  readonly note?: Note;
}

/** A `Send` on the serving side. */
export interface Serve {
  (request: HttpRequest): Promise<ServedResponse>;
  /** Whether it asks who the caller is before it does anything. */
  readonly guarded?: boolean;
}

/** Sees every exchange of a server. It must not throw. */
export interface ExchangeObserver {
  started?(): void;
  ended(exchange: Exchange): void;
}

/** The same answer with more known of it. */
export function noted(response: ServedResponse, note: Note): ServedResponse {
  return { ...response, note: { ...response.note, ...note } };
}

/** All of them as one. */
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
