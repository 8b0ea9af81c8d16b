import { spawnSync } from 'node:child_process';

/**
 * Options for a test that needs the real crane: where it isn't installed the test is skipped with that reason, but in
 * CI it runs, and fails.
 */
export function needsCrane(): { readonly skip: string | false } {
  const there = spawnSync('crane', ['--help'], { stdio: 'ignore' }).error === undefined;
  const ci = (process.env['CI'] ?? '') !== '';
  return { skip: there || ci ? false : 'crane is not in PATH' };
}
