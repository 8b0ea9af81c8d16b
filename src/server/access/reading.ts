export interface ReadingOptions {
  /** How errors call it. */
  readonly file?: string;
  /** Told once why one that came later can't be read: the last good one stays in force. */
  readonly onProblem?: (error: unknown) => void;
}

/** A value that is parsed from a text each time that text has changed. A half-written file must not lock everybody out. */
export function createReading<T>(
  read: () => Promise<string>,
  parse: (text: string) => Promise<T> | T,
  { onProblem }: ReadingOptions,
): () => Promise<T> {
  let good: { readonly value: T } | undefined;
  let seen: string | undefined;
  let told: string | undefined;
  return async () => {
    try {
      const text = await read();
      if (good !== undefined && text === seen) return good.value;
      seen = text;
      good = { value: await parse(text) };
      told = undefined;
    } catch (error) {
      if (good === undefined) throw error;
      if (String(error) !== told) onProblem?.(error);
      told = String(error);
    }
    return good.value;
  };
}
