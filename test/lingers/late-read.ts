import { open } from 'node:fs/promises';
import http from 'node:http';
import { fileURLToPath } from 'node:url';

/**
 * Loaded before the command line: each read of a file behind its beginning waits until the first request of an upload has
 * been given up. So its body brings one more chunk after the end of the exchange.
 */
let giveUp = (): void => undefined;
const givenUp = new Promise<void>((resolve) => {
  giveUp = resolve;
});

const { destroy } = http.ClientRequest.prototype;
http.ClientRequest.prototype.destroy = function (error) {
  if (this.method === 'PUT' || this.method === 'PATCH') setImmediate(giveUp);
  return destroy.call(this, error);
};

const file = await open(fileURLToPath(import.meta.url));
const prototype: typeof file = Object.getPrototypeOf(file);
await file.close();
const { read } = prototype;
Object.assign(prototype, {
  async read(this: typeof file, ...args: readonly unknown[]): Promise<unknown> {
    const [, , , position] = args;
    if (typeof position === 'number' && position > 0) await givenUp;
    return Reflect.apply(read, this, args);
  },
});
