import type { Descriptor } from '../../spec/descriptor.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Exchange } from '../exchange.ts';
import { mountBlob } from './mount.ts';
import type { RemoteUpload } from './session.ts';

/** Bytes. The request starts an upload before its turn comes, and a large blob may wait too long for that turn. */
const soonSent = 1024 * 1024;

/**
 * Finds out once, when it pays, whether a mount of an existing blob from its own repository reports that it exists. Leaves
 * registries alone that mount from anywhere: the request that starts an upload there asks for more, and saves bytes.
 */
export async function probeSelfMount(
  exchange: Exchange,
  repository: string,
  { signal }: SignalOptions = {},
): Promise<void> {
  const { mounts, selfMounts } = exchange.capabilities;
  const digest = selfMounts.probe(repository);
  if (digest === undefined) return;
  if (mounts.isUnderstood() !== false) {
    const fromAnywhere = await mountBlob(exchange, repository, { digest }, { signal });
    if (fromAnywhere === 'mounted') return;
    await fromAnywhere?.cancel({ signal });
  }
  const own = await mountBlob(exchange, repository, { digest, from: repository }, { signal });
  if (own === 'mounted') selfMounts.confirm();
  else await own?.cancel({ signal });
}

/**
 * Asks with one request whether a blob exists, which starts its upload otherwise. Returns undefined if the registry cannot be
 * asked so.
 */
export async function askBySelfMount(
  exchange: Exchange,
  repository: string,
  { digest, size }: Descriptor,
  options: SignalOptions,
): Promise<'existed' | RemoteUpload | undefined> {
  if (!exchange.capabilities.selfMounts.isConfirmed() || size > soonSent) return undefined;
  const answer = await mountBlob(exchange, repository, { digest, from: repository }, options);
  return answer === 'mounted' ? 'existed' : answer;
}
