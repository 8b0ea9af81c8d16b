import { InputError } from '../errors.ts';

/**
 * A pattern of tags: `*` stands for any characters, `?` for one. The answer takes time in proportion to both lengths at most.
 * Throws INVALID_OPTION for a pattern with a character that no tag has.
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

/** Only the last `*` is ever tried again: an earlier one that matched less would leave more to the last one. */
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
