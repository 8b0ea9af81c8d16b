import type { Descriptor } from '../../spec/descriptor.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { Exchange } from '../exchange.ts';
import { mountBlob } from './mount.ts';
import type { RemoteUpload } from './session.ts';

/** Blobs sent from which on it pays to find out: that takes three requests, and spares one for each further blob. */
const worthFinding = 16;
/** Bytes: an upload is begun before its turn comes, and of large blobs that may be too long. */
const soonSent = 1024 * 1024;

/**
 * Finds it out once, when it pays, with a blob that is there. Not for registries that mount from anywhere: what begins an
 * upload there asks for more, and spares bytes.
 */
export async function findOutOwnMounts(
  exchange: Exchange,
  repository: string,
  { signal }: SignalOptions = {},
): Promise<void> {
  const { anonymousMounts, ownMounts } = exchange.learned;
  const { sent, last, tell } = ownMounts;
  if (tell !== undefined || sent < worthFinding || last?.repository !== repository) return;
  ownMounts.tell = false;
  const { digest } = last;
  if (anonymousMounts !== false) {
    const fromAnywhere = await mountBlob(exchange, repository, { digest }, { signal });
    if (fromAnywhere === 'mounted') return;
    await fromAnywhere?.cancel({ signal });
  }
  const own = await mountBlob(exchange, repository, { digest, from: repository }, { signal });
  if (own === 'mounted') ownMounts.tell = true;
  else await own?.cancel({ signal });
}

/** Whether a blob is there, or else the upload that was begun; `undefined` where that has to be asked in another way. */
export async function askByOwnMount(
  exchange: Exchange,
  repository: string,
  { digest, size }: Descriptor,
  options: SignalOptions,
): Promise<'existed' | RemoteUpload | undefined> {
  if (exchange.learned.ownMounts.tell !== true || size > soonSent) return undefined;
  const answer = await mountBlob(exchange, repository, { digest, from: repository }, options);
  return answer === 'mounted' ? 'existed' : answer;
}
