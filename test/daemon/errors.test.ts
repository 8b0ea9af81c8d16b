import assert from 'node:assert/strict';
import { chmod, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { createServer as createTcpServer } from 'node:net';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { createClient } from '../../src/client/client.ts';
import { failsWith } from '../../src/testing/contract/sample.ts';
import { atEnd } from '../at-end.ts';
import { gantry } from '../cli/gantry.ts';
import { folder } from '../folder.ts';
import { listening } from '../listening.ts';
import { stage } from './stage.ts';

describe('a docker daemon that cannot be used', () => {
  it('A socket that does not exist is named with the setting that chose it, and the exit code is 5.', async (test) => {
    const socket = join(await folder(test), 'none.sock');
    const { code, stderr } = await gantry(['inspect', 'docker-daemon:app'], {
      env: { DOCKER_HOST: `unix://${socket}` },
    });
    assert.equal(code, 5);
    assert.match(stderr, /none\.sock \(DOCKER_HOST\).*start docker or podman/);
  });

  it('A socket file without a program behind it is refused.', async (test) => {
    const socket = join(await folder(test), 'dead.sock');
    await writeFile(socket, '');
    const client = createClient({ daemonHost: `unix://${socket}` });
    atEnd(test, () => client.close());
    await failsWith(client.inspect('docker-daemon:app'), 'NO_CONNECTION');
  });

  it('A socket of another user is a lack of permission.', {
    skip: process.getuid?.() === 0 && 'root may use every socket',
  }, async (test) => {
    const at = await stage(test);
    await chmod(at.daemon.host.replace('unix://', ''), 0o000);
    await failsWith(at.client.inspect('docker-daemon:app'), 'NO_PERMISSION');
  });

  it('A server that is no docker daemon is refused, over HTTP and without.', async (test) => {
    const web = createServer((_, response) => response.end('<html></html>'));
    const port = await listening(test, web);
    const mute = createTcpServer((socket) => socket.end('SSH-2.0-none\r\n'));
    const other = await listening(test, mute);
    for (const [at, code] of [
      [port, 'UNEXPECTED_ANSWER'],
      [other, 'NO_CONNECTION'],
    ] as const) {
      const client = createClient({ daemonHost: `tcp://127.0.0.1:${at}` });
      atEnd(test, () => client.close());
      await failsWith(client.inspect('docker-daemon:app'), code);
    }
  });

  for (const [host, code, exit, said] of [
    ['ssh://me@build', 'UNSUPPORTED', 1, /DOCKER_HOST.*ssh -nNT -L.*DOCKER_HOST=unix:/],
    ['npipe:////./pipe/docker_engine', 'UNSUPPORTED', 1, /only Windows/],
    ['docker.sock', 'INVALID_OPTION', 2, /unix:\/\/\/PATH/],
    ['fd://', 'INVALID_OPTION', 2, /unix:\/\/\/PATH/],
  ] as const) {
    const skip = host.startsWith('npipe') && process.platform === 'win32' && 'Windows has named pipes';
    it(`The address ${host} is refused with ${code} and the next step.`, { skip }, async () => {
      const ended = await gantry(['inspect', 'docker-daemon:app'], { env: { DOCKER_HOST: host } });
      assert.equal(ended.code, exit);
      assert.match(ended.stderr, said);
      await using client = createClient({ daemonHost: host });
      await failsWith(client.inspect('docker-daemon:app'), code);
    });
  }

  it('Words of a hostile daemon cannot forge a line or reach the terminal.', async (test) => {
    const words = 'x\nPASS: forged\u001b[2J\u009b2J\u202e\u2028'.padEnd(200_000, 'y');
    const at = await stage(test, { failLoad: () => words });
    const { code, stderr } = await gantry(['copy', `${at.app}:1`, 'docker-daemon:app:1'], { env: at.env });
    assert.equal(code, 1);
    // biome-ignore lint/suspicious/noControlCharactersInRegex: these must not be there.
    assert.doesNotMatch(stderr, /^PASS|[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028-\u202e]/m);
    for (const line of stderr.split('\n')) assert.ok(line.length < 10_000);
  });

  it('A name without an image is refused, and a name with a place of another kind, before any request.', async (test) => {
    const at = await stage(test);
    for (const name of ['docker-daemon:', 'docker-daemon:App', 'docker-daemon:a b'])
      await assert.rejects(at.client.copy(`${at.app}:1`, name));
    assert.deepEqual(at.daemon.requests, []);
  });
});
