import { connect, type Socket } from 'node:net';
import { atEnd, type Ending } from '../../../test/at-end.ts';

export interface Dialled {
  readonly socket: Socket;
  /** What has come since the last time, once it matches or the other side has ended. */
  readonly read: (pattern?: RegExp) => Promise<string>;
}

/** A connection by hand, until the test is over. */
export async function dial(test: Ending, port: number): Promise<Dialled> {
  const socket = connect(port, '127.0.0.1');
  atEnd(test, () => socket.destroy());
  await happened(socket, ['connect']);
  const come = { text: '', ended: false };
  socket.setEncoding('latin1');
  socket.on('data', (chunk: string) => {
    come.text += chunk;
  });
  // A connection that is reset has ended too.
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

/** A request's first part as it goes over the line. */
export function head(lines: readonly string[]): string {
  return `${[...lines, 'Host: localhost'].join('\r\n')}\r\n\r\n`;
}
