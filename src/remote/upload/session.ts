import { isGantryError, NotFoundError } from '../../errors.ts';
import { discard } from '../../flow/collect.ts';
import { type Content, mapContent } from '../../flow/content.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { Digest } from '../../spec/digest.ts';
import { MediaType } from '../../spec/media-type.ts';
import { given } from '../../spec/options.ts';
import { parseUrl } from '../../spec/url.ts';
import type { ProgressObserver } from '../../store/blob-progress.ts';
import type { SignalOptions } from '../../store/contract.ts';
import type { AppendOptions, Upload } from '../../store/upload.ts';
import { type UploadState, uploadStateOf } from '../../wire/decode.ts';
import { type UploadStep, uploadRequest } from '../../wire/encode.ts';
import type { HeaderMap, HttpRequest } from '../../wire/message.ts';
import { type Answer, ask, type Exchange, followed } from '../exchange.ts';
import { statBlob } from '../stat.ts';
import { checkStored } from '../stored.ts';
import { answeredOrThere } from './silent-answer.ts';

/** Milliseconds. A registry may copy the whole blob to its store before it answers the closing PUT. */
const commitPatience = 15 * 60_000;

interface StepOptions extends SignalOptions {
  readonly answerWithin?: number | undefined;
  readonly headers?: HeaderMap | undefined;
}

interface CommitOptions extends AppendOptions, Pick<StepOptions, 'headers'> {
  /** Whether these bytes replace a blob that the registry has. */
  readonly replaces?: boolean | undefined;
}

/**
 * One upload session at a registry. Its id is the offset and the newest Location. The next process needs the offset, because
 * registries report `0-0` for an empty session and for one byte.
 */
export class RemoteUpload implements Upload {
  readonly #exchange: Exchange;
  readonly #repository: string;
  #state: UploadState;
  /** Bytes that the registry surely has. */
  #offset: number;
  /** The most bytes that the registry can have; undefined if another process sent them. */
  #most: number | undefined;

  constructor(
    exchange: Exchange,
    repository: string,
    state: UploadState,
    known: { readonly offset?: number } = {},
  ) {
    this.#exchange = exchange;
    this.#repository = repository;
    this.#state = state;
    this.#offset = known.offset ?? 0;
    this.#most = known.offset === undefined ? 0 : undefined;
  }

  get id(): string {
    return `${this.#offset}@${this.#state.location}`;
  }

  get offset(): number {
    return this.#offset;
  }

  get limits(): Upload['limits'] {
    const { min, max } = this.#state;
    return given({ min, max });
  }

  async append(content: Content, { onProgress, ...options }: AppendOptions = {}): Promise<void> {
    const sent = this.#meter(content, onProgress);
    // A chunk of unknown length has no Content-Range: distribution and most other registries take it as a stream.
    const from = content.size === undefined ? undefined : this.#offset;
    // The specification has 202; ECR answers 201, and some others 204.
    const put = (chunk: Content = content, signal: AbortSignal): Promise<Answer> =>
      this.#step({ kind: 'append', content: chunk, from }, [202, 201, 204], { signal });
    const { clock } = this.#exchange;
    const find = this.#questionForChunk(sent.bytes);
    try {
      const answer = await answeredOrThere({
        put,
        content: sent.content,
        find,
        clock,
        signal: options.signal,
      });
      // The Range of the answer can be stale (ECR). The registry took the chunk, so the length of the chunk counts.
      if (answer !== undefined) this.#move(answer);
      this.#settle(this.#offset + sent.bytes());
    } catch (error) {
      await this.#catchUp(error, options);
      throw error;
    }
    onProgress?.({ sent: this.#offset, acknowledged: this.#offset, moved: this.#offset });
  }

  async commit(
    digest: Digest,
    content?: Content,
    { onProgress, headers = {}, replaces = false, ...options }: CommitOptions = {},
  ): Promise<Descriptor> {
    const sent = content === undefined ? undefined : this.#meter(content, onProgress);
    const offset = this.#offset > 0 && content?.size !== undefined ? this.#offset : undefined;
    const put = (body: Content | undefined, signal: AbortSignal): Promise<Answer> => {
      const from = body === undefined ? undefined : offset;
      const step = { kind: 'commit', digest, content: body, from } as const;
      return this.#step(step, [201, 200, 204], { signal, headers, answerWithin: commitPatience });
    };
    const find = (signal = options.signal) => statBlob(this.#exchange, this.#repository, digest, { signal });
    const { clock } = this.#exchange;
    // A blob to replace exists from the beginning, so a question for it would prove nothing.
    const ask = replaces ? async () => undefined : find;
    const answer = await answeredOrThere({
      put,
      content: sent?.content,
      find: ask,
      clock,
      signal: options.signal,
    });
    const what = `blob ${this.#exchange.registry}/${this.#repository}@${digest}`;
    if (answer !== undefined) await checkStored(answer.response, { digest, what, find }, options);
    this.#settle(this.#offset + (sent?.bytes() ?? 0));
    onProgress?.({ sent: this.#offset, acknowledged: this.#offset, moved: this.#offset });
    return { mediaType: MediaType.octetStream, digest, size: this.#offset };
  }

  async cancel(options: SignalOptions = {}): Promise<void> {
    try {
      // Quay never grants the right, and distribution requires `delete`: the session then expires by itself.
      const response = await this.#exchange.send(this.#request({ kind: 'cancel' }, options));
      await discard(response.body);
    } catch (error) {
      if (!isGantryError(error)) throw error;
    }
  }

  /**
   * Asks the registry for the offset. Throws BLOB_UPLOAD_UNKNOWN if the registry has dropped the session, or reports an impossible
   * offset: a wrong offset would spoil the blob, which shows only after the last byte.
   */
  async locate(options: SignalOptions = {}): Promise<void> {
    const answer = await this.#step({ kind: 'status' }, [204, 200, 202], options);
    const said = this.#move(answer).offset;
    // The offset is known, and the reported one can be stale (ECR).
    if (this.#most === this.#offset) return;
    // A registry that reports no offset may have any of the bytes that were under way.
    const offset = said ?? (this.#most === undefined ? this.#offset : Number.NaN);
    if (this.#most !== undefined && !(offset >= this.#offset && offset <= this.#most)) {
      const has = said === undefined ? 'does not report its offset' : `reports ${said} bytes`;
      throw new NotFoundError(
        'BLOB_UPLOAD_UNKNOWN',
        `upload to ${this.#repository}: the registry ${has}, not ${this.#offset} to ${this.#most}`,
      );
    }
    this.#settle(offset);
  }

  /** Finds out the offset after a failure, if the registry still knows it. */
  async #catchUp(error: unknown, { signal }: SignalOptions): Promise<void> {
    if (signal?.aborted === true || this.#most === this.#offset) return;
    if (isGantryError(error, 'BLOB_UPLOAD_UNKNOWN')) return;
    try {
      await this.locate({ signal });
    } catch (unknown) {
      if (!isGantryError(unknown)) throw unknown;
    }
  }

  /**
   * Returns a question whether the registry has a chunk that was sent. The second yes in a row counts, since the registry may
   * still be at work after the first. A location with a query is not asked: it may hold a state with an offset, and
   * docker-registry ends a session whose state is older than its bytes.
   */
  #questionForChunk(bytes: () => number): (signal: AbortSignal) => Promise<Answer | undefined> {
    let isSeen = false;
    return async (signal) => {
      const sent = bytes();
      if (sent < 2 || this.#state.location.includes('?')) return undefined;
      const answer = await this.#step({ kind: 'status' }, [204, 200, 202], { signal });
      const state = stateOf(this.#exchange, answer, { previous: this.#state, sent: this.#offset + sent });
      const isThere = state.offset === this.#offset + sent;
      if (isThere && isSeen) this.#state = state;
      const isSure = isThere && isSeen;
      isSeen = isThere;
      return isSure ? answer : undefined;
    };
  }

  #settle(offset: number): void {
    this.#offset = offset;
    this.#most = offset;
  }

  #request(step: UploadStep, options: StepOptions): HttpRequest {
    return uploadRequest(step, this.#state.location, { ...options, scopes: this.#exchange.scopes });
  }

  async #step(step: UploadStep, accept: readonly number[], options: StepOptions): Promise<Answer> {
    const operation = { kind: `upload.${step.kind}`, repository: this.#repository, id: this.id } as const;
    const answer = await ask(this.#exchange, this.#request(step, options), operation, accept);
    await discard(answer.response.body);
    return answer;
  }

  /** Takes over the newest Location; without one, the previous Location stays. */
  #move(answer: Answer): UploadState {
    const sent = this.#most ?? this.#offset;
    this.#state = stateOf(this.#exchange, answer, { previous: this.#state, sent });
    return this.#state;
  }

  /** Counts the bytes that the transport takes from the content, and reports them. */
  #meter(
    content: Content,
    onProgress: ProgressObserver | undefined,
  ): { readonly content: Content; readonly bytes: () => number } {
    const offset = this.#offset;
    let bytes = 0;
    let moved = offset;
    const count = async function* (this: RemoteUpload, source: AsyncIterable<Uint8Array>) {
      bytes = 0;
      for await (const chunk of source) {
        bytes += chunk.byteLength;
        this.#most = Math.max(this.#most ?? 0, offset + bytes);
        yield chunk;
        // After a 401 the same bytes go out once more.
        moved = Math.max(moved, offset + bytes);
        onProgress?.({ sent: offset + bytes, acknowledged: offset, moved });
      }
    };
    return { bytes: () => bytes, content: mapContent(content, count.bind(this)) };
  }
}

/** Makes the session from the answer to the POST that started it. */
export function openedUpload(
  exchange: Exchange,
  repository: string,
  answer: Pick<Answer, 'request' | 'response'>,
): RemoteUpload {
  return new RemoteUpload(exchange, repository, stateOf(exchange, answer));
}

function stateOf(
  exchange: Exchange,
  { request, response }: Pick<Answer, 'request' | 'response'>,
  known: { readonly previous?: UploadState; readonly sent?: number } = {},
): UploadState {
  const state = uploadStateOf(response, request.url, known);
  if (state.location === known.previous?.location) return state;
  return { ...state, location: followed(exchange, { request, response }, state.location) };
}

/** Opens a session by its id, and asks the registry for its offset. Throws BLOB_UPLOAD_UNKNOWN. */
export async function resumeUpload(
  exchange: Exchange,
  repository: string,
  id: string,
  options: SignalOptions = {},
): Promise<RemoteUpload> {
  options.signal?.throwIfAborted();
  const [, offset, location] = /^(\d+)@(.*)$/.exec(id) ?? [];
  if (location === undefined || !isOurs(location, exchange.base, repository)) {
    throw new NotFoundError('BLOB_UPLOAD_UNKNOWN', `${repository}: the upload does not exist`);
  }
  const upload = new RemoteUpload(exchange, repository, { location }, { offset: Number(offset) });
  await upload.locate(options);
  return upload;
}

/**
 * Returns whether an id from outside belongs to this registry and repository. Behind an embedded registry the id comes from a
 * client, which must choose neither the host that gantry talks to, nor a repository without access.
 */
function isOurs(location: string, base: string, repository: string): boolean {
  const url = location.startsWith(`${base}/`) ? parseUrl(location) : undefined;
  if (url === undefined || url.origin !== new URL(base).origin) return false;
  const { pathname } = url;
  return !pathname.startsWith('/v2/') || pathname.startsWith(`/v2/${repository}/`);
}
