import process from 'node:process';
import { isInPath } from '../bench/support/programs.ts';

/** Programs of other makers that the tests run beside gantry. */
export type Peer =
  | 'skopeo'
  | 'docker-registry'
  | 'crane'
  | 'oras'
  | 'podman'
  | 'npm'
  | 'openssl'
  | 'script'
  | 'strace';

/**
 * Returns options for a suite that runs these programs. Without one in PATH, the suite is skipped with that reason; in
 * CI (`CI=true`) this throws instead, which fails the file.
 */
export function needs(...peers: readonly Peer[]): {
  readonly skip: string | false;
  readonly timeout: number;
} {
  const missing = peers.filter((peer) => !isInPath(peer));
  if (missing.length > 0 && process.env['CI'] === 'true') {
    throw new Error(`CI runs every peer; not in PATH: ${missing.join(', ')}`);
  }
  return { skip: missing.length > 0 && `not in PATH: ${missing.join(', ')}`, timeout: suiteTimeout };
}

/** A suite takes seconds, so one that takes this many milliseconds hangs. */
const suiteTimeout = 600_000;
