import assert from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { type Ended, gantry, type RunOptions } from '../cli/gantry.ts';
import { makeIndex, store } from '../cli/images.ts';
import { folder } from '../folder.ts';
import { secret } from '../secret.ts';

interface Stage {
  readonly host: string;
  readonly home: string;
  readonly run: (line: string, options?: RunOptions) => Promise<Ended>;
}

/** Opens a registry with the index `app:1`, and a folder with the key `cosign.key`. */
async function stage(test: TestContext): Promise<Stage> {
  const registry = await startRegistry();
  atEnd(test, () => registry.close());
  await store(registry.registry, 'app', ['1'], await makeIndex('signed'));
  const home = await folder(test);
  const run = (line: string, options: RunOptions = {}): Promise<Ended> =>
    gantry(line.replaceAll('HOST', registry.host).split(' '), {
      cwd: home,
      ...options,
      env: { COSIGN_PASSWORD: secret('key'), ...options.env },
    });
  const { code, stderr } = await run('key generate');
  assert.equal(code, 0, stderr);
  return { host: registry.host, home, run };
}

function assertRan({ code, stderr }: Ended, expected = 0): void {
  assert.equal(code, expected, stderr);
}

describe('the commands about signatures', () => {
  it('sign and verify print the reference by digest, and verify --json the signatures', async (test) => {
    const { host, run } = await stage(test);
    // id: sign-36
    const signed = await run('sign --key cosign.key -a build=42 HOST/app:1');
    assertRan(signed);
    assert.match(signed.stdout, new RegExp(`^${host}/app@sha256:[0-9a-f]{64}\n$`));
    assert.match(signed.stderr, /which .*app:1 names now/);
    const verified = await run('verify --key cosign.pub HOST/app:1');
    assertRan(verified);
    assert.equal(verified.stdout, signed.stdout);
    assert.match(verified.stderr, /no transparency log was asked/);
    // id: sign-61
    const { stdout } = await run('verify --json -k cosign.pub -a build=42 --min-signatures 1 HOST/app:1');
    const { image, digest, verified: list } = JSON.parse(stdout);
    assert.equal(image, `${host}/app:1`);
    assert.ok(signed.stdout.includes(digest));
    const [{ name: _, signer: __, ...facts }, ...others] = list;
    assert.deepEqual(others, []);
    assert.deepEqual(facts, {
      format: 'bundle',
      predicateType: 'https://sigstore.dev/cosign/sign/v1',
      annotations: { build: '42' },
      log: 'none',
    });
    assertRan(await run('verify --key cosign.pub --platform linux/arm64 HOST/app:1'));
  });

  it('verify ends with 6 for an image that is not signed so, and with 3 for one that is not there', async (test) => {
    const { run } = await stage(test);
    const none = await run('verify --key cosign.pub --json HOST/app:1');
    assertRan(none, 6);
    assert.equal(JSON.parse(none.stdout).reason, 'none');
    assertRan(await run('sign --key cosign.key --no-recursive HOST/app:1'));
    assertRan(await run('key generate -o other'));
    const other = await run('verify --key other.pub --json HOST/app:1');
    assertRan(other, 6);
    assert.equal(JSON.parse(other.stdout).reason, 'no-match');
    assertRan(await run('verify --key cosign.pub --annotation build=1 HOST/app:1'), 6);
    assertRan(await run('verify --key cosign.pub --type spdxjson HOST/app:1'), 6);
    assertRan(await run('verify --key cosign.pub HOST/app:2'), 3);
    assertRan(await run('verify HOST/app:1'), 2);
    assertRan(await run('verify --key cosign.key HOST/app:1'), 2);
    assertRan(await run('verify --key absent.pub HOST/app:1'), 1);
    assertRan(await run('verify --key cosign.pub --cert-key absent.pem HOST/app:1'), 2);
  });

  it('a wrong password ends sign with 4 before any request, and none on a machine without a terminal with 2', async (test) => {
    const { run } = await stage(test);
    const dead = 'sign --key cosign.key 127.0.0.1:1/app:1';
    assertRan(await run(dead, { env: { COSIGN_PASSWORD: 'wrong' } }), 4);
    assertRan(await run(dead, { env: { COSIGN_PASSWORD: undefined } }), 2);
    assertRan(await run(`${dead} --password-stdin`, { input: secret('key') }), 5);
    assertRan(await run('sign HOST/app:1'), 2);
    assertRan(await run('sign --key cosign.key --annotation x HOST/app:1'), 2);
    assertRan(await run('sign --key cosign.key --cert-key absent.pem HOST/app:1'), 2);
  });

  it('sign writes older formats, another repository, a file, and a layout', async (test) => {
    const { home, run } = await stage(test);
    assertRan(await run('sign --key cosign.key --format legacy HOST/app:1'));
    const legacy = await run('verify --key cosign.pub --json HOST/app:1');
    assert.equal(JSON.parse(legacy.stdout).verified[0].format, 'legacy');
    assertRan(await run('copy HOST/app:1 HOST/new:1'));
    assertRan(await run('sign --key cosign.key --repository HOST/signatures HOST/new:1'));
    assertRan(await run('verify --key cosign.pub HOST/new:1'), 6);
    assertRan(await run('verify --key cosign.pub --repository HOST/signatures HOST/new:1'));
    assertRan(await run('sign --key cosign.key --output app.bundle HOST/new:1'));
    assert.match(
      await readFile(join(home, 'app.bundle'), 'utf8'),
      /^\{"mediaType":"application\/vnd\.dev\.sigstore/,
    );
    assertRan(await run('verify --key cosign.pub HOST/new:1'), 6);
    assertRan(await run('copy HOST/new:1 oci:layout:app'));
    assertRan(await run('sign --key cosign.key oci:layout:app'));
    assertRan(await run('verify --key cosign.pub oci:layout:app'));
    assertRan(await run('copy HOST/new:1 oci-archive:app.tar'));
    assertRan(await run('sign --key cosign.key oci-archive:app.tar'), 1);
  });

  it('attest attaches a statement, attestation ls lists it, and attestation get prints it verified', async (test) => {
    const { home, run } = await stage(test);
    await writeFile(join(home, 'sbom.json'), '{"spdxVersion": "SPDX-2.3"}');
    assertRan(await run('attest --key cosign.key --type spdxjson --predicate sbom.json HOST/app:1'));
    const piped = 'attest --key cosign.key --type https://example.test/t/v1 --predicate - HOST/app:1';
    assertRan(await run(piped, { input: '{}' }));
    assertRan(
      await run(`attest --key cosign.key --type link --predicate sbom.json --output a.json HOST/app:1`),
    );
    assert.match(await readFile(join(home, 'a.json'), 'utf8'), /^\{"mediaType"/);
    const listed = await run('attestation ls HOST/app:1');
    assertRan(listed);
    assert.match(
      listed.stdout,
      /^(?:sha256:[0-9a-f]{64} +bundle +https:\/\/(?:spdx\.dev\/Document|example\.test\/t\/v1)\n){2}$/,
    );
    const get = 'attestation get --key cosign.pub --type spdxjson HOST/app:1';
    assert.equal((await run(get)).stdout, '{"spdxVersion":"SPDX-2.3"}\n');
    assert.match((await run(`${get} --statement`)).stdout, /"_type":"https:\/\/in-toto\.io\/Statement\/v1"/);
    assertRan(await run('attestation get --key cosign.pub --type vuln HOST/app:1'), 6);
    assertRan(await run('attestation get --key cosign.pub HOST/app:1'), 2);
    assertRan(await run('attestation get --key cosign.pub --type link --cert-key absent.pem HOST/app:1'), 2);
    assertRan(await run('attest --key cosign.key --predicate sbom.json HOST/app:1'), 2);
    assertRan(await run('attest --key cosign.key --type link HOST/app:1'), 2);
    const elsewhere = 'attest --key cosign.key --type link --predicate sbom.json --repository HOST/other';
    assertRan(await run(`${elsewhere} HOST/app:1`));
    assertRan(await run(`${elsewhere} --cert-key absent.pem HOST/app:1`), 2);
    assertRan(
      await run('attest --key cosign.key --type link --predicate sbom.json --password-stdin HOST/app:1', {
        input: 'wrong',
      }),
      4,
    );
    assert.match(
      (await run('attestation ls --repository HOST/other HOST/app:1')).stdout,
      /in-toto\.io\/Link/,
    );
    const other = 'attestation get --key cosign.pub --type link --repository HOST/other HOST/app:1';
    assertRan(await run(other));
  });

  it('key generate, import and public make files of their own, and replace none', async (test) => {
    const { home, run } = await stage(test);
    assertRan(await run('key generate'), 1);
    if (process.platform !== 'win32')
      assert.equal((await stat(join(home, 'cosign.key'))).mode & 0o777, 0o600);
    const shown = await run('key public cosign.key');
    assert.equal(shown.stdout, await readFile(join(home, 'cosign.pub'), 'utf8'));
    const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    await writeFile(join(home, 'plain.pem'), privateKey.export({ type: 'sec1', format: 'pem' }));
    assertRan(await run('key import plain.pem --output imported'));
    assertRan(await run('key import plain.pem --output piped --password-stdin', { input: secret('piped') }));
    const opened = await run('key public piped.key --password-stdin', { input: secret('piped') });
    assert.equal(opened.stdout, await readFile(join(home, 'imported.pub'), 'utf8'));
    assertRan(await run('key public plain.pem --password-stdin', { input: '' }));
    assertRan(await run('key generate --output piped-new --password-stdin', { input: secret('new') }));
    assertRan(await run('key public piped-new.key'), 4);
    assertRan(await run('key import cosign.pub'), 2);
  });
});
