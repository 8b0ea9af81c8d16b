import { type Digest, isDigest } from '../spec/digest.ts';

/** Members that name content for information. That content may be elsewhere or deleted. */
const informative: ReadonlySet<string> = new Set(['annotations', 'subject']);

/** Collects the digests that a parsed document names as its content, in any member. */
export function namedDigests(value: unknown): ReadonlySet<Digest> {
  const found = new Set<Digest>();
  const queue: unknown[] = [value];
  for (let next = queue.pop(); next !== undefined; next = queue.pop()) {
    if (typeof next === 'string') {
      if (isComputed(next)) found.add(next);
    } else if (Array.isArray(next)) {
      for (const item of next) queue.push(item ?? '');
    } else if (typeof next === 'object' && next !== null) {
      for (const [key, item] of Object.entries(next)) if (!informative.has(key)) queue.push(item ?? '');
    }
  }
  return found;
}

/** Tests the algorithm too, since `alpine:3` has the grammar of a digest. */
function isComputed(text: string): text is Digest {
  return /^sha(?:256|512):/.test(text) && isDigest(text);
}
