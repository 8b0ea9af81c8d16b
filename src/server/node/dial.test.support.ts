import { connect, type Socket } from 'node:net';
import { atEnd, type Ending } from '../../../test/at-end.ts';

export interface Dialled {
  readonly socket: Socket;
  /** Resolves with the bytes since the last call, once they match or the other side has closed. */
  readonly read: (pattern?: RegExp) => Promise<string>;
}

/** Opens a raw connection for the duration of the test. */
export async function dial(test: Ending, port: number): Promise<Dialled> {
  const socket = connect(port, '127.0.0.1');
  atEnd(test, () => socket.destroy());
  await happened(socket, ['connect']);
  const come = { text: '', ended: false };
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    come.text += chunk;
  });
  // A reset connection has ended, too.
  socket.on('error', () => undefined);
  socket.on('close', () => {
    come.ended = true;
  });
  const read = async (pattern?: RegExp): Promise<string> => {
    while (!come.ended && pattern?.test(come.text) !== true) {
      await happened(socket, ['data', 'close']);
    }
    const seen = come.text;
    come.text = '';
    return seen;
  };
  return { socket, read };
}

function happened(socket: Socket, events: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    const settle = (): void => {
      for (const event of events) socket.off(event, settle);
      resolve();
    };
    for (const event of events) socket.on(event, settle);
  });
}

/** The first part of a request as bytes. */
export function head(lines: readonly string[]): string {
  return `${[...lines, 'Host: localhost'].join('\r\n')}\r\n\r\n`;
}
