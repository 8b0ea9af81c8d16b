import assert from 'node:assert/strict';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { isInPath, run } from '../../bench/support/programs.ts';
import { startRegistry } from '../../src/testing/start-registry.ts';
import { atEnd } from '../at-end.ts';
import { type Ended, gantry } from '../cli/gantry.ts';
import { makeIndex, store } from '../cli/images.ts';
import { folder } from '../folder.ts';
import { secret } from '../secret.ts';

/** cosign is no peer that CI demands: only Debian's unstable release has it. */
const skip = isInPath('cosign') ? false : 'cosign is not in PATH';

interface Stage {
  readonly home: string;
  /** Run a command at the registry HOST, and return its output. */
  readonly gantry: (line: string) => Promise<string>;
  readonly cosign: (line: string) => Promise<string>;
  /** Returns the exit code of a command that fails. */
  readonly cosignFails: (line: string) => Promise<void>;
}

interface Output extends Pick<Ended, 'stdout' | 'stderr'> {
  readonly code: number | null;
}

function passed({ code, stdout, stderr }: Output): string {
  assert.equal(code, 0, stderr);
  return stdout;
}

/** Opens a registry with an index under the tag 1, and a key of each tool: `own.key` and `theirs.key`. */
async function stage(test: TestContext): Promise<Stage> {
  const served = await startRegistry();
  atEnd(test, () => served.close());
  const { registry, host } = served;
  await store(registry, 'app', ['1'], await makeIndex('signed'));
  const home = await folder(test);
  const own = { COSIGN_PASSWORD: secret('key') };
  const words = (line: string): string[] => line.replaceAll('HOST', host).split(' ');
  const cosign = (line: string) => run('cosign', words(line), { cwd: home, env: { ...own, HOME: home } });
  const at: Stage = {
    home,
    gantry: async (line) => passed(await gantry(words(line), { cwd: home, env: own })),
    cosign: async (line) => passed(await cosign(line)),
    async cosignFails(line) {
      const { code, stderr } = await cosign(line);
      assert.notEqual(code, 0);
      assert.match(stderr, /no (matching )?signatures|no matching attestations|invalid signature/i);
    },
  };
  await at.gantry('key generate -o own');
  await at.cosign('generate-key-pair --output-key-prefix theirs');
  return at;
}

const offline = '--insecure-ignore-tlog --allow-http-registry';
const unlogged = '--tlog-upload=false --use-signing-config=false -y --allow-http-registry';

describe('gantry beside cosign', { skip, timeout: 600_000 }, () => {
  for (const key of ['own', 'theirs']) {
    it(`cosign-reads: cosign verifies the bundles and old signatures of gantry by the key ${key}`, async (test) => {
      const { gantry, cosign, cosignFails } = await stage(test);
      await gantry(`sign --key ${key}.key --format both HOST/app:1`);
      await cosign(`verify --key ${key}.pub ${offline} HOST/app:1`);
      await cosign(`verify --key ${key}.pub ${offline} --new-bundle-format=false HOST/app:1`);
      const other = key === 'own' ? 'theirs' : 'own';
      await cosignFails(`verify --key ${other}.pub ${offline} HOST/app:1`);
    });

    it(`cosign-is-read: gantry verifies the bundles and old signatures of cosign by the key ${key}`, async (test) => {
      const { gantry, cosign } = await stage(test);
      await cosign(`sign --key ${key}.key ${unlogged} HOST/app:1`);
      const bundle = JSON.parse(await gantry(`verify --json --key ${key}.pub HOST/app:1`));
      assert.deepEqual(
        bundle.verified.map(({ format }: { readonly format: string }) => format),
        ['bundle'],
      );
      await cosign(`sign --key ${key}.key ${unlogged} --new-bundle-format=false HOST/app:1`);
      const both = JSON.parse(await gantry(`verify --json --key ${key}.pub HOST/app:1`));
      assert.equal(both.verified.length, 2);
    });
  }

  it('cosign-attestations: each verifies the attestations of the other', async (test) => {
    const { home, gantry, cosign } = await stage(test);
    await mkdir(join(home, 'documents'));
    await writeFile(join(home, 'documents/sbom.json'), '{"spdxVersion":"SPDX-2.3"}');
    const about = '--predicate documents/sbom.json --type spdxjson';
    await gantry(`attest --key own.key ${about} HOST/app:1`);
    await cosign(`verify-attestation --key own.pub ${offline} --type spdxjson HOST/app:1`);
    await cosign(`attest --key theirs.key ${unlogged} ${about} HOST/app:1`);
    const got = JSON.parse(await gantry('attestation get --key theirs.pub --type spdxjson HOST/app:1'));
    assert.deepEqual(got, { spdxVersion: 'SPDX-2.3' });
  });
});
