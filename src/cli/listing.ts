import type { Context } from './context.ts';

export interface Listing {
  readonly keep?: (name: string) => boolean;
  readonly show: (name: string) => string;
  /** Converts the names for --json. */
  readonly value: (names: readonly string[]) => unknown;
}

/** Prints names while they arrive, one per line; with --json prints one object at the end. */
export async function printNames(
  context: Context,
  names: AsyncIterable<string>,
  listing: Listing,
): Promise<void> {
  const { keep = () => true, show, value } = listing;
  const kept: string[] = [];
  for await (const name of names) {
    if (!keep(name)) continue;
    if (context.json) kept.push(show(name));
    else await context.output.line(show(name));
  }
  if (context.json) await context.result(value(kept));
}
