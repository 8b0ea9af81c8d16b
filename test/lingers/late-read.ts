import { open } from 'node:fs/promises';
import { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';

/**
 * This module loads before the command line. Each read of a file behind its beginning waits until the client has given
 * up the first request of an upload. The body therefore brings one more chunk after the end of the exchange.
 */
let giveUp = (): void => undefined;
const givenUp = new Promise<void>((resolve) => {
  giveUp = resolve;
});

const [write, destroy] = ['write', 'destroy'].map((name): unknown => Reflect.get(Socket.prototype, name));
/** Connections that have sent the head of a request with content for an upload. */
const uploads = new WeakSet<Socket>();
Object.assign(Socket.prototype, {
  write(this: Socket, ...args: readonly unknown[]): unknown {
    if (typeof args[0] === 'string' && /^(?:PUT|PATCH) /.test(args[0])) uploads.add(this);
    return typeof write === 'function' ? Reflect.apply(write, this, args) : undefined;
  },
  destroy(this: Socket, ...args: readonly unknown[]): unknown {
    if (uploads.has(this)) setImmediate(giveUp);
    return typeof destroy === 'function' ? Reflect.apply(destroy, this, args) : undefined;
  },
});

const file = await open(fileURLToPath(import.meta.url));
const prototype: typeof file = Object.getPrototypeOf(file);
await file.close();
const read: unknown = Reflect.get(prototype, 'read');
Object.assign(prototype, {
  async read(this: typeof file, ...args: readonly unknown[]): Promise<unknown> {
    const [, , , position] = args;
    if (typeof position === 'number' && position > 0) await givenUp;
    return typeof read === 'function' ? Reflect.apply(read, this, args) : undefined;
  },
});
