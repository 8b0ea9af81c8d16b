/** Names that often hold secrets, or that only the machine needs. No option takes them into an image. */
const never: ReadonlySet<string> = new Set(['.git', '.npmrc', '.yarnrc.yml', '.netrc', '.dockerignore']);

/**
 * Whether a file must never come into an image: `.git`, files with tokens, `.env` and all names that begin so, and the cache of
 * build tools in `node_modules/.cache`.
 */
export function isNeverTaken(path: string): boolean {
  const slash = path.lastIndexOf('/');
  const name = path.slice(slash + 1);
  if (never.has(name) || name.startsWith('.env')) return true;
  return name === '.cache' && (path === 'node_modules/.cache' || path.endsWith('/node_modules/.cache'));
}
