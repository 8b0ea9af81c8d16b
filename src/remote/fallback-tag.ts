import { ContentError, ResponseError, TransportError } from '../errors.ts';
import { unlessAborted } from '../flow/abort.ts';
import { collect, discard } from '../flow/collect.ts';
import { bytesContent } from '../flow/content.ts';
import { digestOf } from '../flow/hash.ts';
import { sleep } from '../flow/sleep.ts';
import { lastResort, within } from '../flow/within.ts';
import { type Backoff, createBackoff } from '../http/backoff.ts';
import { type Attempt, wholeAnswer } from '../http/whole-answer.ts';
import { manifestLimit, parseManifest } from '../json/manifest.ts';
import type { Descriptor } from '../spec/descriptor.ts';
import { type Digest, digestAlgorithm } from '../spec/digest.ts';
import type { Manifest } from '../spec/manifest.ts';
import { MediaType, parseMediaType } from '../spec/media-type.ts';
import { referrersTag } from '../spec/referrers-tag.ts';
import type { SignalOptions } from '../store/contract.ts';
import { type Clock, systemClock } from '../time/clock.ts';
import { encode } from '../wire/encode.ts';
import { headerValue, strongEntityTag } from '../wire/headers.ts';
import type { HeaderMap } from '../wire/message.ts';
import { ask, type Exchange, type ListChange, type ListChanges } from './exchange.ts';
import { changedList } from './fallback-list.ts';

/**
 * Changes the list of referrers under the fallback tag of `subject`, for registries that list none themselves. Other writers
 * do not know of this one, and registries ignore If-Match. So gantry reads the list again until three readings, some 100 ms
 * apart, show all changes, and writes it again otherwise. One process makes all changes of one list together.
 *
 * gantry cannot promise that an entry stays. Another process may have read the list before the change, and write it back
 * after the third reading; if it then stops, or does not read again, the entry is lost. Every replaced list stays in the
 * registry without a tag, because a deletion could hit an equal list that has come back.
 *
 * Throws MANIFEST_INVALID, and overwrites nothing, if the tag leads to something other than an OCI index. Throws
 * UNEXPECTED_ANSWER if the list never reads as written.
 * @see https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#referrers-tag-schema
 */
export function changeList(
  exchange: Exchange,
  repository: string,
  subject: Digest,
  change: ListChange,
  { signal }: SignalOptions = {},
): Promise<void> {
  const { fallbackLists: running } = exchange;
  const tag = referrersTag(subject);
  const key = `${repository}:${tag}`;
  const known = running.get(key);
  if (known !== undefined) return known.change(change, signal);
  const writer: ListWriter = new ListWriter({ exchange, repository, subject, tag }, () => {
    if (running.get(key) === writer) running.delete(key);
  });
  running.set(key, writer);
  return writer.change(change, signal);
}

/** Successive readings that must show the list as written. */
const readings = 3;
/** Successive readings without a tag before it counts as absent: another writer may just be replacing it. */
const absences = 2;
/** Writes without a new change of this process. Two crowds of concurrent writers need fewer. */
const maxWrites = 50;

interface Waiting {
  /** Readings since the last write that showed all changes. */
  found: number;
  readonly done: () => void;
  readonly failed: (error: unknown) => void;
}

interface ListPlace {
  readonly exchange: Exchange;
  readonly repository: string;
  readonly subject: Digest;
  readonly tag: string;
}

/** The list under the tag, if any, and the headers that make its replacement conditional. */
interface Standing {
  readonly list?: Manifest;
  readonly condition: HeaderMap;
}

/** The only writer of a list in this process, from the first change until the last one has stayed. */
class ListWriter implements ListChanges {
  readonly #place: ListPlace;
  readonly #clock: Clock;
  readonly #random: () => number;
  readonly #reading: Backoff;
  readonly #writing: Backoff;
  readonly #onEnd: () => void;
  readonly #abort = new AbortController();
  /** All changes of this writer, so that it can repeat them after another writer has overwritten one. */
  readonly #wanted = new Map<Digest, Descriptor | undefined>();
  readonly #waiting = new Set<Waiting>();
  #running = false;
  #writes = 0;
  /** The last refused condition. If the next one is equal, the list had not changed. */
  #refused: string | undefined;

  constructor(place: ListPlace, onEnd: () => void) {
    const { clock = systemClock, random = Math.random } = place.exchange.download.retry ?? {};
    this.#place = place;
    this.#clock = clock;
    this.#random = random;
    this.#onEnd = onEnd;
    const patience = { attempts: 6, initial: 100, factor: 2, clock, random };
    this.#writing = createBackoff(patience);
    this.#reading = createBackoff({
      ...patience,
      // A reader may get half a list while another client replaces it.
      retryable: (error, judged) => judged || error instanceof ContentError,
    });
  }

  async change({ digest, entry }: ListChange, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted();
    this.#wanted.set(digest, entry);
    this.#writes = 0;
    let waiting: Waiting | undefined;
    const stands = new Promise<void>((done, failed) => {
      waiting = { found: 0, done, failed };
      this.#waiting.add(waiting);
    });
    if (!this.#running) void this.#run();
    try {
      await within(unlessAborted(stands, signal), lastResort, () => this.#tooLate());
    } finally {
      if (waiting !== undefined) this.#waiting.delete(waiting);
      if (this.#waiting.size === 0) {
        this.#onEnd();
        this.#abort.abort();
      }
    }
  }

  async #run(): Promise<void> {
    this.#running = true;
    try {
      while (this.#waiting.size > 0) await this.#round();
      this.#onEnd();
    } catch (error) {
      this.#onEnd();
      for (const { failed } of this.#waiting) failed(error);
    }
  }

  /** Reads the list once, and writes it if a change is missing. */
  async #round(): Promise<void> {
    const standing = await this.#read();
    const list = changedList(this.#what(), standing.list, this.#wanted);
    if (list === undefined) {
      for (const waiting of this.#waiting) {
        waiting.found++;
        if (waiting.found < readings) continue;
        this.#waiting.delete(waiting);
        waiting.done();
      }
      if (this.#waiting.size === 0) return;
    } else {
      for (const waiting of this.#waiting) waiting.found = 0;
      await this.#write(list, standing.condition);
    }
    await this.#pause();
  }

  /** Waits long enough for requests of other writers, and never equally long in two writers. */
  #pause(): Promise<void> {
    return sleep(this.#clock, 60 + 80 * this.#random(), this.#abort.signal);
  }

  /** Reads the list. While another writer replaces it, a reading may fail or find nothing. */
  async #read(): Promise<Standing> {
    for (let absent = 0; ; ) {
      try {
        const standing = await this.#readOnce();
        this.#reading.reset();
        if (standing.list !== undefined || ++absent === absences) return standing;
        await this.#pause();
      } catch (error) {
        await this.#again(this.#reading, error);
      }
    }
  }

  #readOnce(): Promise<Standing> {
    const { clock } = this.#place.exchange;
    return wholeAnswer((attempt) => this.#readStanding(attempt), { clock, signal: this.#abort.signal });
  }

  async #readStanding({ signal, watch }: Attempt): Promise<Standing> {
    const { exchange, repository, subject, tag } = this.#place;
    const operation = { kind: 'manifest.get', repository, reference: tag } as const;
    const request = encode(operation, exchange.base, { ...this.#options(), signal });
    // This class makes the attempts itself, with shorter waits than the line.
    const { response } = await ask(exchange, { ...request, replay: 'never' }, operation, [200, 404]);
    if (response.status === 404) {
      await discard(response.body);
      return { condition: { 'if-none-match': ['*'] } };
    }
    const bytes = await collect(watch(response).body, { limit: manifestLimit, what: this.#what() });
    const type = headerValue(response.headers, 'content-type');
    const entityTag = strongEntityTag(response.headers);
    const digest = digestOf(bytes, digestAlgorithm(subject) === 'sha512' ? 'sha512' : 'sha256');
    if (digest === subject) return this.#noList();
    return {
      list: parseManifest(bytes, {
        digest,
        ...(type === undefined ? {} : { mediaType: parseMediaType(type) }),
      }),
      condition: entityTag === undefined ? {} : { 'if-match': [entityTag] },
    };
  }

  /** Handles a registry that takes the tag for the subject's digest: it has no list, and cannot keep one after a write. */
  #noList(): Standing {
    if (this.#writes === 0) return { condition: {} };
    throw new ResponseError(
      'UNEXPECTED_ANSWER',
      `${this.#what()}: the registry takes the tag for the digest of the subject`,
    );
  }

  /** Writes the list once. The same request sent later would undo the writes of others in between. */
  async #write(bytes: Uint8Array, condition: HeaderMap): Promise<void> {
    const { exchange, repository, tag } = this.#place;
    if (++this.#writes > maxWrites) {
      throw new ResponseError(
        'UNEXPECTED_ANSWER',
        `${this.#what()}: the list never reads as written; other writers may overwrite it`,
      );
    }
    const name = JSON.stringify(condition);
    const operation = { kind: 'manifest.put', repository, reference: tag, tags: [] } as const;
    const request = encode(operation, exchange.base, {
      ...this.#options(),
      body: bytesContent(bytes),
      mediaType: MediaType.ociIndex,
      // The registry refused this condition, and nothing has changed since: it gives the condition another meaning.
      headers: name === this.#refused ? {} : condition,
    });
    try {
      const { response } = await ask(
        exchange,
        { ...request, replay: 'never' },
        operation,
        [201, 200, 202, 412],
      );
      await discard(response.body);
      if (response.status === 412) this.#refused = name;
      this.#writing.reset();
    } catch (error) {
      await this.#again(this.#writing, error);
    }
  }

  #options(): { readonly scopes: readonly string[]; readonly signal: AbortSignal } {
    return { scopes: this.#place.exchange.scopes, signal: this.#abort.signal };
  }

  /** Waits for the next attempt. Throws the error if there is none. */
  async #again(backoff: Backoff, error: unknown): Promise<void> {
    const { signal } = this.#abort;
    signal.throwIfAborted();
    const wait = backoff.plan(error);
    if (wait === undefined) throw error;
    await backoff.wait(wait, signal);
  }

  #tooLate(): TransportError {
    const late = `the list was not written within ${lastResort / 1000} s; put the manifest again`;
    return new TransportError('TIMED_OUT', `${this.#what()}: ${late}`);
  }

  #what(): string {
    const { exchange, repository, tag } = this.#place;
    return `referrers under ${exchange.registry}/${repository}:${tag}`;
  }
}
