/** A stream that breaks the rules of the format. The reader of the stream turns it into an error with the name of its source. */
export class ZstdDamage extends Error {
  override readonly name = 'ZstdDamage';
}

/** Throws unless the format permits the value. */
export function expectFormat(isRight: boolean, problem: string): asserts isRight {
  if (!isRight) throw new ZstdDamage(problem);
}
