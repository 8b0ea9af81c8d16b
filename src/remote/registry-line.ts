import { createAuthorize } from '../auth/authorize.ts';
import { type RetryOptions, retryOption } from '../http/backoff.ts';
import type { WireObserver } from '../http/event.ts';
import { createLine, type LineOptions } from '../http/line.ts';
import type { TimeoutOptions } from '../http/timeout.ts';
import type { Transport } from '../http/transport.ts';
import { userAgent } from '../http/user-agent.ts';
import type { Keychain } from '../keychain/credential.ts';
import {
  amount,
  arrayOf,
  callback,
  checkOptions,
  either,
  object,
  optionsOf,
  type Shape,
  text,
} from '../spec/options.ts';
import { isLoopback } from '../spec/reference.ts';
import type { Send } from '../wire/message.ts';
import { createSecrets } from '../wire/secrets.ts';
import { parseTargetUri } from '../wire/target-uri.ts';

/** Settings of `createRegistryLine`. */
export interface RegistryLineOptions {
  /** The registry's root, without a slash at its end: `https://ghcr.io`. */
  readonly base: string;
  /** Sends single requests, such as `fetchTransport(fetch)`. */
  readonly transport: Transport | Send;
  /**
   * Finds the credential for the registry.
   * @defaultValue none, so that every request is anonymous
   */
  readonly keychain?: Keychain | undefined;
  /** Hosts of token services that may receive the credential, besides those in the registry's own domain. */
  readonly trustedRealms?: readonly string[] | undefined;
  /**
   * Retries of requests that may be repeated as they are.
   * @defaultValue 3 attempts, with waits from 1 s that triple
   */
  readonly retry?: RetryOptions | undefined;
  /** The limits of every wait, in milliseconds. */
  readonly timeouts?: TimeoutOptions | undefined;
  /**
   * The `User-Agent` of every request.
   * @defaultValue `'gantry'`
   */
  readonly userAgent?: string | undefined;
  /** Receives every request, response, retry and warning, with secrets redacted. */
  readonly onWire?: WireObserver | undefined;
}

const timeouts: Shape<TimeoutOptions> = { answer: amount, progress: amount, clock: object };
const shape: Shape<RegistryLineOptions> = {
  base: text,
  transport: either('a transport or a function that sends', callback, object),
  keychain: callback,
  trustedRealms: arrayOf(text),
  retry: retryOption,
  timeouts: optionsOf(timeouts),
  userAgent: text,
  onWire: callback,
};

/**
 * Makes the `send` of `createRemoteRegistry` from a transport: it logs in, retries, follows redirects, and ends every
 * silence, as the client of `gantry` does.
 * @throws INVALID_OPTION for a wrong option
 * @throws NO_CONNECTION for a `base` that is not http or https
 */
export function createRegistryLine(options: RegistryLineOptions): Send {
  checkOptions('createRegistryLine', options, shape, ['base', 'transport']);
  const { base, keychain = async () => undefined, trustedRealms, onWire } = options;
  const { secure, host: registry } = parseTargetUri(base);
  const secrets = createSecrets();
  const home = { ...lineOptions(options), secrets };
  const send = createLine({ ...home, redirects: false });
  const warn = (about: string): void => onWire?.({ kind: 'warning', host: registry, text: about });
  const chain = secure || isLoopback(registry) ? keychain : askedInPlain(keychain);
  const login = { registry, origin: base, keychain: chain, trustedRealms, secrets };
  return createLine({ ...home, authorize: createAuthorize({ ...login, send, warn }) });
}

/** Asks a keychain for logins that may go over plain HTTP. */
export function askedInPlain(keychain: Keychain): Keychain {
  return (registry, repository, question) => keychain(registry, repository, { ...question, plain: true });
}

function lineOptions(options: RegistryLineOptions): LineOptions {
  const { base, transport, retry, timeouts, onWire: observe } = options;
  const send: Send = typeof transport === 'function' ? transport : (request) => transport.send(request);
  return {
    home: base,
    transport: userAgent(options.userAgent ?? 'gantry')(send),
    retry,
    timeouts,
    observe,
  };
}
