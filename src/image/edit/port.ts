import { InputError } from '../../errors.ts';

/**
 * Parses a port and adds the protocol: `80` is `80/tcp`.
 * @throws INVALID_OPTION for any other form, and for a number above 65535
 * @see https://github.com/opencontainers/image-spec/blob/v1.1.1/config.md#properties
 */
export function parsePort(text: string): string {
  const [, number, protocol = 'tcp'] = /^(\d{1,5})(?:\/(tcp|udp|sctp))?$/.exec(text) ?? [];
  const port = Number(number);
  if (number !== undefined && port >= 1 && port <= 65_535) return `${port}/${protocol}`;
  throw new InputError(
    'INVALID_OPTION',
    `"${text.slice(0, 100)}" is not a port: 1 to 65535, with /tcp, /udp or /sctp behind it or nothing`,
  );
}
