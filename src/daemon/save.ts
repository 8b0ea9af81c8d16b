import { type ArchiveRepository, openArchiveCounted } from '../archive/read.ts';
import { ContentError } from '../errors.ts';
import type { WorkLedger, WorkObserver } from '../flow/work.ts';
import type { Digest } from '../spec/digest.ts';
import { type Platform, toPlatform } from '../spec/platform.ts';
import type { SignalOptions } from '../store/contract.ts';
import { isAtLeast } from './api-version.ts';
import type { Engine } from './engine.ts';
import type { DaemonFacts } from './facts.ts';
import { failureIn, reported } from './failure.ts';
import { parseImageName } from './image-name.ts';
import { inPath, knownName } from './images.ts';
import { longSilence } from './line.ts';

/** Settings of `Daemon.image`. */
export interface DaemonImageOptions extends SignalOptions {
  /**
   * Asks a containerd store for the images of these platforms only, if its API can choose.
   * @defaultValue all that the daemon has
   */
  readonly platforms?: readonly (Platform | string)[] | undefined;
  /** Receives a sentence about each fault of the saved archive that stops nothing. */
  readonly onWarning?: ((text: string) => void) | undefined;
  /** Receives the progress of saving the image, and of packing and hashing its layers. */
  readonly onWork?: WorkObserver | undefined;
}

/**
 * Saves an image of a daemon into a temporary file, and opens that as an archive. Returns undefined if the daemon does not have
 * the image.
 * @throws DIGEST_INVALID when the name has a digest, and the daemon keeps no manifest with it
 */
export async function saveImage(
  engine: Engine,
  text: string,
  { platforms, onWarning, signal }: Omit<DaemonImageOptions, 'onWork'>,
  works: WorkLedger,
): Promise<ArchiveRepository | undefined> {
  const name = await knownName(engine, text, { signal });
  if (name === undefined) return undefined;
  const facts = await engine.facts({ signal });
  const doing = `save ${name}`;
  const { body } = await engine.send({
    method: 'GET',
    path: `/images/${inPath(name)}/get`,
    query: platformQuery(facts, platforms),
    doing,
    answerWithin: longSilence,
    signal,
  });
  const input = untilFailure(body, engine.name, doing);
  const options = { input, onWarning, signal, isUnpacked: facts.store === 'classic' };
  const archive = await openArchiveCounted(`docker-daemon:${text}`, options, works);
  try {
    await demandDigest(engine, archive, parseImageName(text)?.digest, { signal });
    return archive;
  } catch (error) {
    await archive[Symbol.asyncDispose]();
    throw error;
  }
}

function platformQuery(
  { store, apiVersion }: DaemonFacts,
  platforms: DaemonImageOptions['platforms'] = [],
): Readonly<Record<string, string>> {
  const [platform, ...others] = platforms.map(toPlatform);
  // From 1.52 on it takes several, and a daemon that saves all of them costs only time.
  if (store !== 'containerd' || platform === undefined || others.length > 0) return {};
  return isAtLeast(apiVersion, '1.48') ? { platform: JSON.stringify(platform) } : {};
}

/** Bytes. A report of docker's is one line. */
const longestReport = 4096;

/**
 * Passes the bytes of a saved archive on. A daemon that fails on its way writes its report behind the tar, which otherwise ends
 * with zeros.
 * @throws UNEXPECTED_ANSWER with the daemon's words
 */
async function* untilFailure(
  body: AsyncIterable<Uint8Array>,
  name: string,
  doing: string,
): AsyncIterable<Uint8Array> {
  let tail: Uint8Array = new Uint8Array(0);
  for await (const chunk of body) {
    tail = lastOf(tail, chunk);
    yield chunk;
  }
  const end = new TextDecoder().decode(tail);
  const start = Math.max(end.lastIndexOf('{"errorDetail"'), end.lastIndexOf('{"error"'));
  const failure = start < 0 ? undefined : failureIn(end.slice(start).trim());
  if (failure !== undefined) throw reported(name, doing, failure);
}

/** Copies, because the source may use its memory again. */
function lastOf(tail: Uint8Array, chunk: Uint8Array): Uint8Array {
  if (chunk.byteLength >= longestReport) return chunk.slice(-longestReport);
  const kept = tail.subarray(Math.max(0, tail.byteLength + chunk.byteLength - longestReport));
  const joined = new Uint8Array(kept.byteLength + chunk.byteLength);
  joined.set(kept);
  joined.set(chunk, kept.byteLength);
  return joined;
}

/** A daemon that keeps no manifests makes another one, of the same config and layers. */
async function demandDigest(
  engine: Engine,
  archive: ArchiveRepository,
  digest: Digest | undefined,
  options: SignalOptions,
): Promise<void> {
  if (digest === undefined || (await archive.manifests.resolve(digest, options)) !== undefined) return;
  throw new ContentError(
    'DIGEST_INVALID',
    `${engine.name} cannot give ${digest} back: it keeps layers and config of the image, and not its manifest; name the image by its tag or ID`,
    { expected: digest },
  );
}
