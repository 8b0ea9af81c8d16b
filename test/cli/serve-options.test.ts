import assert from 'node:assert/strict';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { hash } from 'bcryptjs';
import { digestText, ociManifest } from '../../src/server/ask.test.support.ts';
import { dial, head } from '../../src/server/node/dial.test.support.ts';
import { atEnd } from '../at-end.ts';
import { folder } from '../folder.ts';
import { basicOf, secret } from '../secret.ts';
import { gantry, type RunOptions, saidOnStderr, startGantry } from './gantry.ts';

interface Served {
  readonly port: number;
  readonly ask: (method: string, target: string, options?: RequestInit) => Promise<Response>;
}

/** Starts the command on a free port and waits until it serves. */
async function started(test: TestContext, words: readonly string[], options?: RunOptions): Promise<Served> {
  const child = startGantry([...words, '--address', '127.0.0.1:0'], options);
  atEnd(test, () => child.kill('SIGKILL'));
  const [, port = ''] = await saidOnStderr(child, /serving on port (\d+)/);
  return {
    port: Number(port),
    ask: (method, target, init = {}) => fetch(`http://127.0.0.1:${port}${target}`, { ...init, method }),
  };
}

/** A server that should have refused an option would run for ever. */
const limited = { timeout: 60_000 };

const uploads = '/v2/app/blobs/uploads/';

/** Puts a manifest without blobs under this reference. */
function putManifest({ ask }: Served, target: string, body = emptyImage): Promise<Response> {
  return ask('PUT', target, { body, headers: { 'content-type': ociManifest } });
}

const emptyImage = JSON.stringify({
  schemaVersion: 2,
  mediaType: ociManifest,
  config: { mediaType: 'application/vnd.example', digest: digestText('{}'), size: 2 },
  layers: [],
});

describe('the limits of gantry serve', limited, () => {
  it('serve --max-page gives so many names, and a Link to the rest', async (test) => {
    const served = await started(test, ['serve', '--max-page=2']);
    for (const tag of ['a', 'b', 'c'])
      assert.equal((await putManifest(served, `/v2/app/manifests/${tag}`)).status, 201);
    const first = await served.ask('GET', '/v2/app/tags/list?n=100');
    assert.deepEqual(await first.json(), { name: 'app', tags: ['a', 'b'] });
    const [, next = ''] = /^<([^>]+)>; rel="next"$/.exec(first.headers.get('link') ?? '') ?? [];
    const second = await served.ask('GET', next);
    assert.deepEqual(await second.json(), { name: 'app', tags: ['c'] });
    assert.equal(second.headers.get('link'), null);
  });

  it('serve --max-tags refuses one tag more, and sets none of them', async (test) => {
    const served = await started(test, ['serve', '--max-tags=2']);
    const target = `/v2/app/manifests/${digestText(emptyImage)}`;
    assert.equal((await putManifest(served, `${target}?tag=a&tag=b&tag=c`)).status, 414);
    assert.equal((await served.ask('HEAD', '/v2/app/manifests/a')).status, 404);
    const put = await putManifest(served, `${target}?tag=a&tag=b`);
    assert.deepEqual([put.status, put.headers.get('oci-tag')], [201, 'a, b']);
  });

  it('serve --max-blob refuses one byte more, announced or not, and keeps nothing of it', async (test) => {
    const { ask } = await started(test, ['serve', '--max-blob=8']);
    const long = 'nine byte';
    const whole = await ask('POST', `${uploads}?digest=${digestText(long)}`, { body: long });
    assert.equal(whole.status, 413);
    const location = (await ask('POST', uploads)).headers.get('location') ?? '';
    const stream = new Blob([long]).stream();
    const streamed = await ask('PATCH', location, { body: stream, duplex: 'half' });
    assert.equal(streamed.status, 413);
    assert.equal((await ask('HEAD', `/v2/app/blobs/${digestText(long)}`)).status, 404);
    const short = 'eight by';
    assert.equal((await ask('POST', `${uploads}?digest=${digestText(short)}`, { body: short })).status, 201);
  });

  it('serve --max-manifest refuses one byte more and accepts its limit', async (test) => {
    const served = await started(test, ['serve', `--max-manifest=${emptyImage.length}`]);
    assert.equal((await putManifest(served, '/v2/app/manifests/a', `${emptyImage} `)).status, 413);
    assert.equal((await putManifest(served, '/v2/app/manifests/a')).status, 201);
  });

  it('serve --max-header answers a longer head with 431', async (test) => {
    const { ask } = await started(test, ['serve', '--max-header=2K']);
    assert.equal((await ask('GET', '/v2/', { headers: { x: 'a'.repeat(3000) } })).status, 431);
    assert.equal((await ask('GET', '/v2/', { headers: { x: 'a'.repeat(500) } })).status, 200);
  });

  it('serve --max-connections closes a connection more, and lets one in after another has ended', async (test) => {
    const { port } = await started(test, ['serve', '--max-connections=1']);
    const first = await dial(test, port);
    first.socket.write(head(['GET /v2/ HTTP/1.1']));
    assert.match(await first.read(/\{\}/), /^HTTP\/1.1 200 /);
    const second = await dial(test, port);
    second.socket.write(head(['GET /v2/ HTTP/1.1']));
    assert.doesNotMatch(await second.read(), /200/);
    first.socket.end(head(['GET /v2/ HTTP/1.1', 'Connection: close']));
    await first.read();
    const third = await dial(test, port);
    third.socket.write(head(['GET /v2/ HTTP/1.1']));
    assert.match(await third.read(/\{\}/), /^HTTP\/1.1 200 /);
  });

  it('serve --max-sessions and --max-repository-sessions count open uploads, and an ended one gives its place back', async (test) => {
    const { ask } = await started(test, ['serve', '--max-sessions=2', '--max-repository-sessions=1']);
    const start = (name: string): Promise<Response> => ask('POST', `/v2/${name}/blobs/uploads/`);
    const first = await start('a');
    assert.deepEqual([first.status, (await start('a')).status], [202, 429]);
    assert.deepEqual([(await start('b')).status, (await start('c')).status], [202, 429]);
    assert.equal((await ask('DELETE', first.headers.get('location') ?? '')).status, 204);
    assert.deepEqual([(await start('c')).status, (await start('a')).status], [202, 429]);
  });
});

describe('silent clients of gantry serve', limited, () => {
  it('serve --request-idle cuts a request whose body stops, and stores nothing of it', async (test) => {
    const { port, ask } = await started(test, ['serve', '--request-idle=1']);
    const { socket, read } = await dial(test, port);
    socket.write(head([`POST ${uploads}?digest=${digestText('abc')} HTTP/1.1`, 'Content-Length: 3']));
    socket.write('a');
    assert.doesNotMatch(await read(), /^HTTP\/1.1 20/);
    assert.equal((await ask('HEAD', `/v2/app/blobs/${digestText('abc')}`)).status, 404);
  });

  it('serve --session-idle ends an upload, so that its place is free again', async (test) => {
    const { ask } = await started(test, ['serve', '--session-idle=1', '--max-sessions=1']);
    const first = await ask('POST', uploads);
    assert.equal(first.status, 202);
    while ((await ask('POST', uploads)).status !== 202);
    assert.equal((await ask('GET', first.headers.get('location') ?? '')).status, 404);
  });

  it('serve --answer-idle cuts a response that nobody reads', async (test) => {
    const { port, ask } = await started(test, ['serve', '--answer-idle=1', '--metrics']);
    const text = 'x'.repeat(32 * 1024 * 1024);
    const digest = digestText(text);
    assert.equal((await ask('POST', `${uploads}?digest=${digest}`, { body: text })).status, 201);
    const { socket, read } = await dial(test, port);
    socket.pause();
    socket.write(head([`GET /v2/app/blobs/${digest} HTTP/1.1`]));
    const counts = async (): Promise<string> => (await ask('GET', '/metrics')).text();
    while (!/^gantry_cut_requests_total 1$/m.test(await counts()));
    socket.resume();
    assert.ok((await read()).length < text.length);
  });
});

describe('what gantry serve refuses and allows', limited, () => {
  it('serve --no-delete keeps tags, manifests and blobs, and lets an upload be cancelled', async (test) => {
    const served = await started(test, ['serve', '--no-delete']);
    const { ask } = served;
    assert.equal((await putManifest(served, '/v2/app/manifests/a')).status, 201);
    await ask('POST', `${uploads}?digest=${digestText('abc')}`, { body: 'abc' });
    for (const target of [
      `manifests/a`,
      `manifests/${digestText(emptyImage)}`,
      `blobs/${digestText('abc')}`,
    ]) {
      assert.equal((await ask('DELETE', `/v2/app/${target}`)).status, 405);
      assert.equal((await ask('HEAD', `/v2/app/${target}`)).status, 200);
    }
    const location = (await ask('POST', uploads)).headers.get('location') ?? '';
    assert.equal((await ask('DELETE', location)).status, 204);
  });

  it('serve --host-name answers to one more name, and to no other', async (test) => {
    const { port } = await started(test, ['serve', '--host-name', 'box.example']);
    const statusFor = async (host: string): Promise<string> => {
      const { socket, read } = await dial(test, port);
      socket.end(`GET /v2/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`);
      return (await read()).slice(9, 12);
    };
    assert.equal(await statusFor(`box.example:${port}`), '200');
    assert.equal(await statusFor(`localhost:${port}`), '200');
    assert.equal(await statusFor(`other.example:${port}`), '421');
  });

  it('serve --rules gives two users their own rights, and --public-url is the service in the challenge', async (test) => {
    const cwd = await folder(test);
    const users = ['alice', 'bob'].map(async (name) => `${name}:${await hash(secret(`of-${name}`), 4)}\n`);
    await writeFile(join(cwd, 'users'), (await Promise.all(users)).join(''));
    await writeFile(
      join(cwd, 'rules.yaml'),
      'rules:\n  - repositories: ["team/**"]\n    users: [alice]\n    allow: [pull, push]\n' +
        '  - repositories: ["team/open"]\n    users: [bob]\n    allow: [pull]\n',
    );
    const words = ['serve', '--htpasswd', 'users', '--rules', 'rules.yaml'];
    const served = await started(test, [...words, '--public-url', 'https://registry.example/'], { cwd });
    const challenge = (await served.ask('GET', '/v2/')).headers.get('www-authenticate');
    assert.match(challenge ?? '', /,service="registry\.example"$/);
    const statusOf = async (user: string, method: string, name: string): Promise<number> => {
      const authorization = basicOf(user, secret(`of-${user}`));
      const headers = { authorization, 'content-type': ociManifest };
      const body = method === 'PUT' ? { body: emptyImage } : {};
      return (await served.ask(method, `/v2/${name}/manifests/1`, { headers, ...body })).status;
    };
    assert.equal(await statusOf('alice', 'PUT', 'team/open'), 201);
    assert.equal(await statusOf('alice', 'PUT', 'team/closed'), 201);
    assert.equal(await statusOf('bob', 'GET', 'team/open'), 200);
    for (const [user, method, name] of [
      ['bob', 'PUT', 'team/open'],
      ['bob', 'GET', 'team/closed'],
      ['alice', 'PUT', 'other'],
      ['bob', 'GET', 'other'],
    ] as const) {
      assert.ok([401, 403].includes(await statusOf(user, method, name)), `${user} ${method} ${name}`);
    }
  });

  // One row for each place that reads options; src/cli/serve/operation.test.ts has more values.
  const wrong: readonly string[] = [
    '--max-page=0',
    '--max-header=',
    '--proxy-ttl=5',
    '--proxy=Not/A/Registry',
    '--session-ttl=24',
    '--host-name=a/b',
    '--public-url=https://registry.example/path',
    '--address=registry',
    '--htpasswd=none',
    '--tls-cert=none --tls-key=none',
    '--anonymous --rules=none',
  ];
  for (const option of wrong) {
    it(`store-before-options: serve ${option} ends with exit code 2 and names the option, before it makes anything`, async (test) => {
      const cwd = await folder(test);
      await mkdir(join(cwd, 'in'));
      const words = option.split(' ');
      const { code, stdout, stderr } = await gantry(['serve', '--disk', 'store', ...words], { cwd });
      assert.deepEqual([code, stdout], [2, ''], stderr);
      const [name = ''] = words.map((word) => word.split('=')).find(([, value]) => value !== undefined) ?? [];
      assert.ok(stderr.includes(name), stderr);
      assert.deepEqual(await readdir(cwd), ['in']);
    });
  }
});
