import assert from 'node:assert/strict';
import type { Socket } from 'node:net';
import { describe, it } from 'node:test';
import { get, pattern, readsSlowly, serveRaw, transport, turns } from './stage.test.support.ts';

const size = 6 * 1024 * 1024;
const bytes = pattern(size);

function answer(socket: Socket): void {
  socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${size}\r\n\r\n`);
  socket.write(bytes);
}

/** A reader with this many pieces of memory, each of which it offers once. */
function reader(pieces: number): {
  readonly offer: () => Uint8Array | undefined;
  readonly offered: Uint8Array[];
} {
  const offered: Uint8Array[] = [];
  return {
    offered,
    offer() {
      if (offered.length === pieces) return undefined;
      const memory = new Uint8Array(new SharedArrayBuffer(1024 * 1024));
      offered.push(memory);
      return memory;
    },
  };
}

describe('a transport whose reader offers memory', () => {
  for (const { pieces, name } of [
    { pieces: 1000, name: 'in offered memory' },
    { pieces: 2, name: 'in its own memory when the offers end' },
    { pieces: 0, name: 'in its own memory without an offer' },
  ]) {
    it(`a transport places a large body ${name}, byte for byte, also for a slow reader`, async (test) => {
      const server = await serveRaw(test, (socket) => socket.on('data', () => answer(socket)));
      const line = transport(test);
      for (const wait of [async () => undefined, () => turns(4)]) {
        const { offer, offered } = reader(pieces);
        const { body } = await line.send(get(server.url, { offer }));
        await readsSlowly(body, bytes, wait);
        assert.equal(offered.length > 0, pieces > 0);
        const filled = offered.filter((memory) => memory.some((byte) => byte !== 0));
        // The answer may end before the memory that was offered last gets any bytes.
        assert.ok(filled.length >= Math.min(pieces, offered.length - 1));
      }
      assert.equal(server.sockets.length, 1);
    });
  }

  it('a transport uses offered memory for no byte after the body', async (test) => {
    const server = await serveRaw(test, (socket) => socket.on('data', () => answer(socket)));
    const line = transport(test);
    const { offer, offered } = reader(1000);
    await readsSlowly((await line.send(get(server.url, { offer }))).body, bytes, async () => undefined);
    const before = [offered.length, ...offered.map((memory) => Buffer.from(memory).toString('base64'))];
    await readsSlowly((await line.send(get(server.url))).body, bytes, async () => undefined);
    const after = [offered.length, ...offered.map((memory) => Buffer.from(memory).toString('base64'))];
    assert.deepEqual(after, before);
    assert.equal(server.sockets.length, 1);
  });

  it('a transport reads a small body into its own memory', async (test) => {
    const server = await serveRaw(test, (socket) =>
      socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok')),
    );
    const { offer, offered } = reader(1000);
    const { body } = await transport(test).send(get(server.url, { offer }));
    await readsSlowly(body, Buffer.from('ok'), async () => undefined);
    assert.equal(offered.length, 0);
  });
});
