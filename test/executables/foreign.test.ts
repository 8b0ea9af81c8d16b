import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { bundle, packageManifest } from '../../scripts/bundle.ts';
import { buildExecutable, checkExecutable, starterOf } from '../../scripts/executables/build.ts';
import { type Platform, platformHere, platforms } from '../../scripts/executables/platforms.ts';
import { projectRoot } from '../../scripts/project.ts';
import { withoutRuntime } from './runtime-here.ts';

const compiled = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const here = platformHere();

describe('the executable file for another platform', { skip: withoutRuntime(here), timeout: 600_000 }, () => {
  let home: string;
  let script: string;

  before(async () => {
    home = await mkdtemp(join(tmpdir(), 'gantry-executable-'));
    script = join(home, 'script');
    await bundle(compiled, { target: script, standalone: true });
  });
  after(() => rm(home, { recursive: true, force: true }));

  /** Makes the file and returns the checks that the build made of it. */
  async function checked(platform: Platform): Promise<readonly string[]> {
    const file = join(home, platform.name, platform.fileName);
    await buildExecutable(platform, join(script, 'gantry.cjs'), file);
    const { version } = await packageManifest(projectRoot());
    return checkExecutable(platform, file, { version });
  }

  for (const platform of platforms.filter((one) => one !== here && one.os !== 'linux')) {
    const { name, os } = platform;
    it(`the file for ${name} passes the checks of the build`, {
      skip: withoutRuntime(platform),
    }, async () => {
      const checks = await checked(platform);
      assert.ok(checks.includes(os === 'darwin' ? 'format and signature' : 'format'), checks.join(', '));
    });
  }

  for (const platform of platforms.filter((one) => one !== here && one.os === 'linux')) {
    const noStarter =
      starterOf(platform) === undefined &&
      'qemu-user is not here: Debian has it in qemu-user-static and libc6-arm64-cross';
    const skip = withoutRuntime(platform) || noStarter;
    it(`the file for ${platform.name} prints its version under qemu-user`, { skip }, async () => {
      const checks = await checked(platform);
      assert.ok(checks.includes('started by qemu'), checks.join(', '));
    });
  }
});
