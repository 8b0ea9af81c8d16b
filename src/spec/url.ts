/**
 * Parses an absolute URL. Returns undefined for text that is none.
 *
 * `URL.canParse` does not decide that: from Node 24 on it accepts long host names that the constructor then refuses.
 */
export function parseUrl(text: string): URL | undefined {
  try {
    return new URL(text);
  } catch {
    return undefined;
  }
}
