import type { ArchiveRepository } from '../archive/read.ts';
import { NotFoundError } from '../errors.ts';
import { createWorkLedger, type WorkObserver } from '../flow/work.ts';
import type { WireObserver } from '../http/event.ts';
import {
  signal as abortSignal,
  arrayOf,
  callback,
  checkArgument,
  checkOptions,
  object,
  type Shape,
  text,
} from '../spec/options.ts';
import { aPlatform } from '../spec/platform.ts';
import { parseRepository } from '../spec/reference.ts';
import type { Repository, SignalOptions } from '../store/contract.ts';
import { openEngine } from './engine.ts';
import type { DaemonFacts } from './facts.ts';
import { createLoad } from './load.ts';
import { type DaemonImageOptions, saveImage } from './save.ts';

/** Settings of `openDaemon`. */
export interface DaemonOptions {
  /**
   * The address: `unix:///var/run/docker.sock` or `tcp://HOST:PORT`.
   * @defaultValue DOCKER_HOST, docker's context, or the first default socket that exists
   */
  readonly host?: string | undefined;
  /**
   * The variables that find the daemon and its certificates: those of the command `docker`.
   * @defaultValue `process.env`
   */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /**
   * The `User-Agent` of every request.
   * @defaultValue 'gantry'
   */
  readonly userAgent?: string | undefined;
  /** Receives every request and response. */
  readonly onWire?: WireObserver | undefined;
}

/** Settings of `Daemon.load`. */
export interface DaemonLoadOptions extends SignalOptions {
  /** Receives the progress of the daemon after it has all bytes, as far as the daemon tells it. */
  readonly onWork?: WorkObserver | undefined;
}

const shape: Shape<DaemonOptions> = {
  host: text,
  env: object,
  userAgent: text,
  onWire: callback,
};
const imageShape: Shape<DaemonImageOptions> = {
  platforms: arrayOf(aPlatform),
  onWarning: callback,
  onWork: callback,
  signal: abortSignal,
};
const loadShape: Shape<DaemonLoadOptions> = { onWork: callback, signal: abortSignal };
const signalShape: Shape<SignalOptions> = { signal: abortSignal };

/** A docker daemon, or podman behind its socket. */
export interface Daemon extends AsyncDisposable {
  /** The address, as in DOCKER_HOST. */
  readonly host: string;
  /** Asks the daemon about itself, once. */
  facts(options?: SignalOptions): Promise<DaemonFacts>;
  /**
   * Opens an image for reading, by its name or ID. The daemon saves it into a temporary file, which goes away when the archive
   * is disposed.
   * @throws MANIFEST_UNKNOWN when the daemon does not have it
   */
  image(name: string, options?: DaemonImageOptions): Promise<ArchiveRepository>;
  /**
   * Opens a repository for writing, such as `ghcr.io/acme/app`. The daemon loads its content when it is committed, as one or
   * several images; disposing it before leaves nothing in the daemon.
   * @throws INVALID_REFERENCE or NAME_INVALID for a malformed name
   */
  load(repository: string, options?: DaemonLoadOptions): Promise<Repository>;
}

/**
 * Finds the docker daemon as the command `docker` does. Nothing is sent yet; dispose it to close its connections.
 * @throws INVALID_OPTION for a malformed address or a context that does not exist
 * @throws UNSUPPORTED for an address that gantry cannot connect to, such as `ssh://`
 * @example
 * ```ts
 * import { openDaemon } from 'gantry';
 *
 * await using daemon = await openDaemon();
 * const { engine, store } = await daemon.facts();
 * console.log(engine, store); // docker containerd
 * ```
 */
export async function openDaemon(options: DaemonOptions = {}): Promise<Daemon> {
  checkOptions('openDaemon', options, shape);
  const engine = await openEngine(options);
  return {
    host: engine.host,
    async facts(own = {}) {
      checkOptions('facts', own, signalShape);
      return engine.facts(own);
    },
    async image(name, { onWork, ...own } = {}) {
      checkArgument('image', 'name', name, text);
      checkOptions('image', { onWork, ...own }, imageShape);
      const archive = await saveImage(engine, name, own, createWorkLedger(onWork));
      if (archive !== undefined) return archive;
      throw new NotFoundError('MANIFEST_UNKNOWN', `${engine.name} has no image ${name}`);
    },
    async load(repository, { onWork, ...own } = {}) {
      checkArgument('load', 'repository', repository, text);
      checkOptions('load', { onWork, ...own }, loadShape);
      return createLoad(engine, parseRepository(repository), createWorkLedger(onWork), own);
    },
    [Symbol.asyncDispose]: () => engine[Symbol.asyncDispose](),
  };
}
