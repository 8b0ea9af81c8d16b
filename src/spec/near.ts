/** Longer words are not compared, since the time grows with the square of the length. */
const longest = 60;

/**
 * Returns the name that the user probably meant: at most two letters away and at most a third of the word. Returns
 * undefined when no name is that near, since a distant guess misleads.
 */
export function nearest(word: string, names: Iterable<string>): string | undefined {
  if (word.length > longest) return undefined;
  let best: string | undefined;
  let least = Math.min(2, Math.floor(word.length / 3)) + 1;
  for (const name of names) {
    const apart = name.toLowerCase() === word.toLowerCase() ? 0 : lettersApart(word, name);
    if (apart < least) [best, least] = [name, apart];
  }
  return best;
}

/** Counts the letters to add, remove, change or swap with their neighbour. */
function lettersApart(a: string, b: string): number {
  let before: readonly number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let least = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      if (a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) least = Math.min(least, (before[j - 2] ?? 0) + 1);
      next.push(least);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? 0;
}
