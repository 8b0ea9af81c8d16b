import { open } from 'node:fs/promises';
import http from 'node:http';
import { fileURLToPath } from 'node:url';

/**
 * This module loads before the command line. Each read of a file behind its beginning waits until the client has given
 * up the first request of an upload. The body therefore brings one more chunk after the end of the exchange.
 */
let giveUp = (): void => undefined;
const givenUp = new Promise<void>((resolve) => {
  giveUp = resolve;
});

const destroy: unknown = Reflect.get(http.ClientRequest.prototype, 'destroy');
http.ClientRequest.prototype.destroy = function (error) {
  if (this.method === 'PUT' || this.method === 'PATCH') setImmediate(giveUp);
  if (typeof destroy === 'function') Reflect.apply(destroy, this, [error]);
  return this;
};

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
