import { callback, checkArgument, checkOptions, type Shape, text } from '../../spec/options.ts';

/** Options for a file that is read again when it changes. */
export interface ReadingOptions {
  /** The name of the file in error messages. */
  readonly file?: string | undefined;
  /** Called once for each problem of a later version. The last valid version stays in effect. */
  readonly onProblem?: ((error: unknown) => void) | undefined;
}

const shape: Shape<ReadingOptions> = { file: text, onProblem: callback };

/**
 * Checks the arguments of `openHtpasswd` and `openRules`.
 * @throws INVALID_OPTION
 */
export function checkReading(what: string, read: unknown, options: unknown): void {
  checkArgument(what, 'read', read, callback);
  checkOptions(what, options, shape);
}

/** Returns a function that parses the text again after each change. A half-written file must not lock all users out. */
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
