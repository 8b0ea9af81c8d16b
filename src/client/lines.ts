import { machineAuthorities } from '../hosts/certificates.ts';
import type { Hosts } from '../hosts/hosts.ts';
import type { LineOptions } from '../http/line.ts';
import { createNodeTransport } from '../http/node/transport.ts';
import { published } from '../http/node/wire-channel.ts';
import { plainFallback } from '../http/plain-fallback.ts';
import { secureFallback } from '../http/secure-fallback.ts';
import { throttle } from '../http/throttle.ts';
import type { Transport } from '../http/transport.ts';
import { userAgent } from '../http/user-agent.ts';
import type { Resources } from '../remote/resources.ts';
import type { Send } from '../wire/message.ts';
import type { ConnectionOptions } from './connection-options.ts';

interface LineParts {
  readonly transport: Send;
  readonly hosts: Hosts;
  readonly resources: Resources;
}

/** Returns the options that all lines of a client share. */
export function lineOptions(
  options: ConnectionOptions,
  { transport, hosts, resources }: LineParts,
): LineOptions {
  const { onWire, onWarning, retry, timeouts, bandwidth } = options;
  const observe = published(onWire);
  const named = plainFallback(hosts.isInsecure)(userAgent(options.userAgent ?? 'gantry')(transport));
  return {
    // A transport of the caller may be no network.
    transport: options.transport === undefined ? secureFallback(hosts)(named) : named,
    // It may also have hosts of its own.
    throttle: options.transport === undefined ? resources.throttle : throttle(),
    bandwidth: bandwidth === undefined ? undefined : resources.bandwidth(bandwidth),
    observe,
    onWarning,
    retry,
    timeouts,
  };
}

/** Opens the transport of a client: the caller's, or one of its own. */
export function openTransport({ transport, proxy, timeouts }: ConnectionOptions, hosts: Hosts): Transport {
  if (typeof transport === 'function') return { send: transport, close: async () => {} };
  return (
    transport ??
    createNodeTransport({
      tls: hosts.tls,
      moreAuthorities: () => machineAuthorities(),
      proxy,
      connectWithin: timeouts?.connect,
    })
  );
}
