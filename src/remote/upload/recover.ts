import { isGantryError, NotFoundError } from '../../errors.ts';
import { type Content, sliceContent } from '../../flow/content.ts';
import type { Descriptor } from '../../spec/descriptor.ts';
import type { AppendOptions } from '../../store/contract.ts';
import type { RemoteUpload } from './session.ts';

export interface Sending {
  readonly blob: Descriptor;
  readonly content: Content;
  start(): Promise<RemoteUpload>;
  /** A session that is open already: a mount that was declined left it. */
  readonly session?: RemoteUpload;
}

/** How often in a row sending is taken up again without the registry having more than before. */
const attempts = 3;

/**
 * Sends a whole blob through one session after another until one holds: POST, then one PUT. After a failure that
 * may pass, the session is asked how far it came and the rest is sent; a session that is gone is begun anew. Attempts
 * start again whenever the registry has more than before. A one-shot source has one chance.
 */
export async function sendBlob(sending: Sending, options: AppendOptions): Promise<void> {
  const { blob, content } = sending;
  let session = sending.session ?? (await sending.start());
  let best = 0;
  let left = attempts;
  for (;;) {
    try {
      await commitRest(session, blob, content, options);
      return;
    } catch (error) {
      const final = options.signal?.aborted === true || !content.replayable || !isPassing(error);
      if (session.offset > best) left = attempts;
      best = Math.max(best, session.offset);
      if (final || --left === 0) {
        // Without the signal: an abort is when cleaning up matters most.
        await session.cancel();
        throw error;
      }
      session = (await isOpen(session, options)) ? session : await sending.start();
    }
  }
}

async function commitRest(
  session: RemoteUpload,
  { digest, size }: Descriptor,
  content: Content,
  options: AppendOptions,
): Promise<void> {
  if (session.offset > size)
    throw new NotFoundError('BLOB_UPLOAD_UNKNOWN', `upload of ${digest}: the session has more than the blob`);
  const rest = session.offset === 0 ? content : sliceContent(content, session.offset, size);
  await session.commit(digest, rest, options);
}

async function isOpen(session: RemoteUpload, options: AppendOptions): Promise<boolean> {
  try {
    await session.locate(options);
    return true;
  } catch (error) {
    if (options.signal?.aborted === true || !isGantryError(error)) throw error;
    return false;
  }
}

/** Whether the same bytes may get through next time. */
function isPassing(error: unknown): boolean {
  if (!isGantryError(error)) return false;
  const status = error.response?.status;
  if (status !== undefined && passingStatuses.has(status)) return true;
  return passingCodes.has(error.code);
}

const passingStatuses = new Set([408, 429, 500, 502, 503, 504, 499, 522]);
const passingCodes = new Set([
  'CUT_OFF',
  'STALLED',
  'TIMED_OUT',
  'BLOB_UPLOAD_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
]);
