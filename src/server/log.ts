import { checkArgument, having } from '../spec/options.ts';
import { redactUrl } from '../wire/redact.ts';
import type { Exchange } from './exchange.ts';

/** Characters of the path and the user agent to keep, since clients choose both. */
const maxPath = 2_048;
const maxAgent = 256;
/** Characters of a session's id to show: enough to find its requests, too few to continue its upload. */
const shownId = 8;

const anExchange = having('an exchange, as observers receive it', 'method', 'target', 'note');

/**
 * Formats one exchange as a line of JSON, without the line feed. The line contains no secret and no control character.
 */
export function formatExchange(exchange: Exchange): string {
  checkArgument('formatExchange', 'exchange', exchange, anExchange);
  const { startedAt, remoteAddress, method, target, status, received, sent, duration } = exchange;
  const { userAgent, whole, note } = exchange;
  // JSON has no member for those that are undefined.
  const line = {
    time: startedAt.toISOString(),
    remote: remoteAddress,
    user: note.user,
    method,
    path: redactTarget(target).slice(0, maxPath),
    operation: note.operation,
    status,
    received,
    sent,
    milliseconds: Math.round(duration * 10) / 10,
    agent: userAgent?.slice(0, maxAgent),
    cut: whole ? undefined : true,
  };
  return JSON.stringify(line).replace(/[\u007f-\u009f\u2028\u2029]/g, escaped);
}

/**
 * Shortens the id of an upload session: the id alone permits writing to it, and a proxy's id is the signed address of a
 * session at another registry.
 */
function redactTarget(target: string): string {
  return redactUrl(target).replace(
    /(\/blobs\/uploads\/)([^/?]+)/,
    (_, path: string, id: string) => `${path}${id.slice(0, shownId)}***`,
  );
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
