import { ContentError } from '../errors.ts';

/**
 * Reads a file of pnpm. `what` is its name in the message.
 * @throws MANIFEST_INVALID when it is not YAML, or has an alias of nothing, or so many of them that they would fill the memory
 */
export async function readYaml(text: string, what: string): Promise<unknown> {
  const { parse } = await import('yaml');
  try {
    // At this level the parser prints no warning, and throws each error.
    const value: unknown = parse(text, { logLevel: 'error' });
    return value;
  } catch (cause) {
    throw new ContentError('MANIFEST_INVALID', `${what} is not YAML`, { cause });
  }
}
