import { redactUrl } from '../wire/redact.ts';
import type { Exchange } from './exchange.ts';

/** Characters of a path and of a user agent that are kept: both are whatever a client likes. */
const maxPath = 2_048;
const maxAgent = 256;
/** Enough of a session's id to find its requests again, far too little to go on with its upload. */
const shownId = 8;

/** One exchange as a line of JSON, without the line feed. It holds no secret and no control character. */
export function formatExchange(exchange: Exchange): string {
  const { startedAt, remoteAddress, method, target, status, received, sent, duration } = exchange;
  const { userAgent, whole, note } = exchange;
  const line = {
    time: startedAt.toISOString(),
    ...(remoteAddress === undefined ? {} : { remote: remoteAddress }),
    ...(note.user === undefined ? {} : { user: note.user }),
    method,
    path: redactTarget(target).slice(0, maxPath),
    ...(note.operation === undefined ? {} : { operation: note.operation }),
    ...(status === undefined ? {} : { status }),
    received,
    sent,
    milliseconds: Math.round(duration * 10) / 10,
    ...(userAgent === undefined ? {} : { agent: userAgent.slice(0, maxAgent) }),
    ...(whole ? {} : { cut: true }),
  };
  return JSON.stringify(line).replace(/[\u007f-\u009f\u2028\u2029]/g, escaped);
}

/** Who has a session's id can write to it; the id of a proxy's session is the address of another registry's, signature and all. */
function redactTarget(target: string): string {
  return redactUrl(target).replace(
    /(\/blobs\/uploads\/)([^/?]+)/,
    (_, path: string, id: string) => `${path}${id.slice(0, shownId)}***`,
  );
}

function escaped(character: string): string {
  return `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
