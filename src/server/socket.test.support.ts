import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

export interface Dialled {
  readonly socket: Socket;
  /** What has come since the last time, once it matches or the other side has ended. */
  readonly read: (pattern?: RegExp) => Promise<string>;
}

/** A connection by hand. */
export async function dial(test: TestContext, port: number): Promise<Dialled> {
  const socket = connect(port, '127.0.0.1');
  test.after(() => socket.destroy());
  await once(socket, 'connect');
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
      await Promise.race([once(socket, 'data'), once(socket, 'close')]);
    }
    const seen = come.text;
    come.text = '';
    return seen;
  };
  return { socket, read };
}

/** A request's first part as it goes over the line. */
export function head(lines: readonly string[]): string {
  return `${[...lines, 'Host: h'].join('\r\n')}\r\n\r\n`;
}

/** A promise, and what settles it. */
export class Gate {
  readonly opened: Promise<void>;
  readonly open: () => void;

  constructor() {
    let settle: (() => void) | undefined;
    this.opened = new Promise((resolve) => {
      settle = resolve;
    });
    this.open = () => settle?.();
  }
}

/** Chunks without end; `onEnd` when nobody wants more. */
export async function* endless(size: number, onEnd: () => void): AsyncIterable<Uint8Array> {
  try {
    for (;;) yield new Uint8Array(size);
  } finally {
    onEnd();
  }
}
