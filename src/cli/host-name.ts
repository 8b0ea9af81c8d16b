import { InputError } from '../errors.ts';

/**
 * Parses the name of a host, with or without a port, in the form of a Host header. Returns it in lower case.
 * @throws INVALID_OPTION for any other text, such as a URL
 */
export function parseHostName(text: string): string {
  const name = text.toLowerCase();
  if (/^(?:[a-z0-9_](?:[\w.-]*\w)?\.?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/.test(name)) return name;
  throw new InputError(
    'INVALID_OPTION',
    `"${text}" is not the name of a host, such as registry.example or registry.example:8443`,
  );
}
