import { withoutBrackets } from './address-class.ts';
import { parseAddress } from './ip-address.ts';

/**
 * Token services outside the domain of their registry.
 * @see https://github.com/NVIDIA/nvidia-container-toolkit/issues/1945
 * @see https://github.com/Azure/acr/issues/651
 */
const knownPairs: readonly (readonly [registry: string, service: string])[] = [
  ['nvcr.io', 'authn.nvidia.com'],
  ['registry.hub.docker.com', 'auth.docker.io'],
];

/**
 * Resolves with whether the token service at `realm` may receive the credentials of the registry at `url`: both have
 * the same host or the same registrable domain, the pair is known, or `trusted` contains the host of the realm.
 */
export async function trustsRealm(
  url: string,
  realm: string,
  trusted: readonly string[] = [],
): Promise<boolean> {
  const [registry, service] = [new URL(url), new URL(realm)];
  if (registry.hostname === service.hostname || trusted.includes(service.host)) return true;
  if (knownPairs.some(([from, to]) => from === registry.host && to === service.host)) return true;
  if ([registry, service].some(({ hostname }) => parseAddress(withoutBrackets(hostname)) !== undefined))
    return false;
  // Loaded late: the list of public suffixes is large, and most registries have their token service on their own host.
  const { getDomain } = await import('tldts');
  const site = ({ hostname }: URL): string | null =>
    getDomain(hostname.replace(/\.$/, ''), { allowPrivateDomains: true, extractHostname: false });
  const own = site(registry);
  return own !== null && own === site(service);
}
