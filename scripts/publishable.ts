import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/**
 * Refuses to publish while `repository` in package.json names the reserved domain `.example` (RFC 2606): the project
 * has no public home yet, and readers must not visit an address that anybody else may own.
 */
export function publishable(manifest: string): string | undefined {
  return /"url"\s*:\s*"[^"]*\.example[/"]/.test(manifest)
    ? 'package.json: repository.url names .example: set it to the address of the public repository before publishing'
    : undefined;
}

if (process.argv[1]?.endsWith(join('scripts', 'publishable.js')) === true) {
  const problem = publishable(readFileSync(join(import.meta.dirname, '..', '..', 'package.json'), 'utf8'));
  if (problem !== undefined) {
    process.stderr.write(`${problem}\n`);
    process.exitCode = 1;
  }
}
