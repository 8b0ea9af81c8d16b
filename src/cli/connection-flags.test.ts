import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { folder } from '../../test/folder.ts';
import type { ConnectionOptions } from '../client/connection-options.ts';
import { isGantryError } from '../errors.ts';
import { connectionFlags } from './connection-flags.ts';
import { parseCommandLine } from './program.ts';

async function read(line: string): Promise<ConnectionOptions> {
  const invocation = parseCommandLine(line.split(' '));
  assert.ok(invocation.kind === 'run');
  return connectionFlags(invocation.globals, invocation.given);
}

describe('connectionFlags', () => {
  const usual: ConnectionOptions = {
    tls: { ca: [] },
    insecure: [],
    headers: {},
    timeouts: undefined,
    bandwidth: undefined,
    trustedRealms: undefined,
  };
  const second = { connect: 1000, answer: 1000, progress: 1000 };
  const rows: readonly (readonly [line: string, said: ConnectionOptions])[] = [
    ['ls a.example/x', {}],
    ['ls a.example/x --timeout 1', { timeouts: second }],
    ['ls a.example/x --limit-rate 1.5M', { bandwidth: 1.5 * 1024 * 1024 }],
    [
      'ls a.example/x --trusted-realm b.example --trusted-realm c.example',
      { trustedRealms: ['b.example', 'c.example'] },
    ],
    ['ls a.example/x --insecure', { insecure: true }],
    ['ls a.example/x --insecure-registry a.example', { insecure: ['a.example'] }],
    ['copy a.example/x b.example/x --src-insecure', { insecure: ['a.example'] }],
    ['copy a.example/x b.example/x --dest-insecure', { insecure: ['b.example'] }],
    ['copy oci:x b.example/x --src-insecure', {}],
  ];
  for (const [line, said] of rows) {
    it(`connectionFlags reads: ${line}`, async () =>
      assert.deepEqual(await read(line), { ...usual, ...said }));
  }

  it('connectionFlags reads the files that the flags name', async (test) => {
    const dir = await folder(test);
    const names = ['ca.pem', 'cert.pem', 'key.pem'].map((name) => join(dir, name));
    for (const name of names) await writeFile(name, name);
    const [ca = '', cert = '', key = ''] = names;
    const { tls } = await read(`ls a.example/x --cacert ${ca} --cert ${cert} --key ${key}`);
    assert.deepEqual(tls, { ca: [ca], cert, key });
  });

  for (const [flags, code] of [
    ['--timeout 0', 'INVALID_OPTION'],
    ['--limit-rate 0', 'INVALID_OPTION'],
    ['--limit-rate 1023', 'INVALID_OPTION'],
    ['--limit-rate fast', 'INVALID_OPTION'],
    ['--cert cert.pem', 'INVALID_OPTION'],
    ['--key key.pem', 'INVALID_OPTION'],
    ['--cacert nowhere.pem', 'IO_FAILED'],
    ['--cert nowhere.pem --key nowhere.pem', 'IO_FAILED'],
    ['--trusted-realm https://a.example', 'INVALID_OPTION'],
    ['--insecure-registry /', 'INVALID_REFERENCE'],
    ['--docker-headers /', 'INVALID_REFERENCE'],
  ] as const) {
    it(`connectionFlags throws ${code} for ${flags}, and names the option`, async () => {
      const [option = ''] = flags.split(' ');
      await assert.rejects(read(`ls a.example/x ${flags}`), (error) => {
        assert.ok(isGantryError(error, code) && error.message.includes(option), String(error));
        return true;
      });
    });
  }
});
