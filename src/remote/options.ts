import { retryOption } from '../http/backoff.ts';
import { amount, count, flag, having, type Shape, text } from '../spec/options.ts';
import type { DownloadOptions } from './exchange.ts';
import type { UploadOptions } from './upload/plan.ts';

/** The checks of upload options from plain JavaScript. */
export const uploadShape: Shape<UploadOptions> = {
  retry: retryOption,
  chunkSize: count,
  chunkThreshold: amount,
  sendMediaType: flag,
  mountOrigin: text,
  journal: having('an upload journal', 'find', 'note', 'forget'),
};

/** The checks of download options from plain JavaScript. */
export const downloadShape: Shape<DownloadOptions> = { retry: retryOption };
