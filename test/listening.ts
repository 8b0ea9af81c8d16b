import type { Server, Socket } from 'node:net';
import type { TestContext } from 'node:test';
import { listenAnywhere } from '../bench/support/listen.ts';
import { atEnd } from './at-end.ts';

/** Makes the server listen on a free port for the length of a test, then closes the server with its open connections. */
export async function listening(test: TestContext, server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
  });
  atEnd(test, () => {
    server.close();
    for (const socket of open) socket.destroy();
  });
  return listenAnywhere(server);
}
