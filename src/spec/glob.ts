import { InputError } from '../errors.ts';

/**
 * Compiles a pattern of tags: `*` matches any characters, `?` matches one. A match takes at most time in proportion to
 * the product of both lengths.
 * @throws INVALID_OPTION for a character that no tag can have
 */
export function tagPattern(pattern: string): (tag: string) => boolean {
  if (!/^[\w.*?-]{1,300}$/.test(pattern)) {
    throw new InputError(
      'INVALID_OPTION',
      `"${pattern.slice(0, 300)}" matches no tag: a pattern has letters, digits, "_", "." and "-", "*" for any of them and "?" for one`,
    );
  }
  return (tag) => matches(pattern, tag);
}

/** Retries only the last `*`: a shorter match of an earlier one would only leave more text to the last one. */
function matches(pattern: string, text: string): boolean {
  let at = 0;
  let star = -1;
  let resumed = 0;
  for (let read = 0; read < text.length; ) {
    if (pattern[at] === '*') {
      star = at++;
      resumed = read;
    } else if (pattern[at] === '?' || pattern[at] === text[read]) {
      at++;
      read++;
    } else if (star >= 0) {
      at = star + 1;
      read = ++resumed;
    } else return false;
  }
  return /^\**$/.test(pattern.slice(at));
}
