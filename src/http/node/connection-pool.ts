import { Connection, type DialOptions } from './connection.ts';

/** The connections to one origin. */
export interface ConnectionPool {
  /** Returns a connection for one request: a kept one, an announced one, or a new one. With `fresh` always a new one. */
  take(options: { readonly fresh: boolean }): Connection;
  /** Keeps a connection for the next request. `within` are the milliseconds that the server allows, if it says so. */
  keep(connection: Connection, within?: number): void;
  /** Announces this number of concurrent requests and opens the connections that are missing for them. */
  announce(requests: number): void;
  /** Closes all connections. Requests under way fail with CUT_OFF. */
  close(): void;
}

/** Milliseconds. Shorter than the idle timeout of most servers and middleboxes. */
const idleFor = 30_000;
/** Milliseconds by which a connection is given up before its server does so. */
const margin = 1000;
/** Maximum number of unused connections that are opened ahead, out of consideration for the server. */
const mostAhead = 24;
/** Milliseconds until an unused connection is closed that was opened ahead. Servers close silent connections. */
const patience = 4000;

export function keepConnections({ dial, opensWith }: Omit<DialOptions, 'onClose'>): ConnectionPool {
  /** Without a request, the one that was used last at the end: it is the least likely to be closed. */
  const idle: Connection[] = [];
  /** Opened ahead and never used, in the order of their opening. */
  const ahead: Connection[] = [];
  /** Those with a request. */
  const busy = new Set<Connection>();
  let isClosed = false;

  const create = (): Connection => {
    const connection = new Connection({
      dial,
      opensWith,
      onClose: () => {
        busy.delete(connection);
        for (const list of [idle, ahead]) remove(list, connection);
      },
    });
    return connection;
  };

  return {
    take({ fresh }) {
      const connection = (fresh ? undefined : (idle.pop() ?? ahead.shift())) ?? create();
      busy.add(connection);
      connection.wake();
      return connection;
    },
    keep(connection, within = Infinity) {
      const rest = Math.min(idleFor, within - margin);
      if (isClosed || rest <= 0) connection.destroy();
      if (connection.isClosed) return;
      busy.delete(connection);
      idle.push(connection);
      connection.rest(rest);
    },
    announce(requests) {
      if (isClosed) return;
      // Connections that are busy now will be free by then.
      for (
        let has = ahead.length + idle.length + busy.size;
        has < requests && ahead.length < mostAhead;
        has++
      ) {
        const connection = create();
        connection.rest(patience);
        ahead.push(connection);
      }
    },
    close() {
      isClosed = true;
      for (const connection of [...idle, ...ahead]) connection.destroy();
      // The reason is no reset, after which a request would be sent once more.
      for (const connection of busy) connection.destroy(new Error('the transport was closed'));
    },
  };
}

function remove(list: Connection[], connection: Connection): void {
  const at = list.indexOf(connection);
  if (at >= 0) list.splice(at, 1);
}
