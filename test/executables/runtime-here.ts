import type { Platform } from '../../scripts/executables/platforms.ts';
import { hasRuntime } from '../../scripts/executables/runtime.ts';

/**
 * Returns why a test cannot make the executable file of a platform; false if it can. In CI this throws instead, which fails
 * the file.
 */
export function withoutRuntime(platform: Platform | undefined): string | false {
  if (process.platform === 'win32') return 'the tests of executable files use a shell';
  if (platform === undefined) return 'there is no executable file for this machine';
  if (hasRuntime(platform)) return false;
  const install = `npm run build:executables -- ${platform.name}`;
  if (process.env['CI'] === 'true') throw new Error(`CI makes every executable file: ${install}`);
  return `the runtime for the executable file is not here; ${install} installs it`;
}
