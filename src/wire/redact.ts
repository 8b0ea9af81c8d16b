import type { HeaderMap } from './message.ts';

const shown = new Set([
  'account',
  'artifactType',
  'client_id',
  'digest',
  'digest-algorithm',
  'from',
  'last',
  'mount',
  'n',
  'ns',
  'offline_token',
  'scope',
  'service',
  'tag',
]);
const hidden = '***';

/**
 * Makes a URL safe for logs and errors: removes user, password and fragment, and keeps only the query values that the
 * protocol defines. Any other value may be a signature (`X-Amz-Signature`, `sig`, `_state`). Hides `secrets` too, since
 * a registry may put a received secret into its URLs. Never throws.
 */
export function redactUrl(url: string, secrets: readonly string[] = []): string {
  return hideSecrets(withoutParts(url), secrets);
}

function withoutParts(url: string): string {
  // This runs for every request, and most URLs have nothing to hide.
  if (!/[?#@]/.test(url)) return url;
  const [beforeFragment = ''] = url.split('#', 1);
  const mark = beforeFragment.indexOf('?');
  const path = (mark < 0 ? beforeFragment : beforeFragment.slice(0, mark)).replace(
    /^((?:[a-z][a-z0-9+.-]*:)?\/\/)[^/]*@/i,
    '$1',
  );
  return mark < 0
    ? path
    : `${path}?${beforeFragment
        .slice(mark + 1)
        .split('&')
        .map(redactPair)
        .join('&')}`;
}

function redactPair(pair: string): string {
  const equals = pair.indexOf('=');
  if (equals < 0) return shown.has(pair) || pair === '' ? pair : hidden;
  const name = pair.slice(0, equals);
  return shown.has(name) ? pair : `${name}=${hidden}`;
}

/**
 * Makes a registry's words safe for an error or a warning: hides the secrets of the request, texts that look like an
 * Authorization, and the unsafe parts of URLs.
 */
export function redactWords(text: string, secrets: readonly string[] = []): string {
  const said = hideSecrets(text, secrets).replace(/\bhttps?:\/\/[^\s"'<>]+/gi, withoutParts);
  return said.replace(
    /\b(Basic|Bearer)\s+((?:[A-Za-z0-9._~+/-]){8,}=*)(?![\w.~+/=-])|(?<![\w-])eyJ[\w-]+\.[\w-]+\.[\w-]*/gi,
    (words: string, scheme?: string, token = '') => {
      if (scheme === undefined) return hidden;
      // "Basic authentication is off" is a message, not a credential.
      return /^[A-Z]?[a-z]+[.]?$/.test(token) ? words : `${scheme} ${hidden}`;
    },
  );
}

/** Redacts every text in a parsed JSON value. */
export function redactValue(value: unknown, secrets: readonly string[]): unknown {
  if (typeof value === 'string') return redactWords(value, secrets);
  if (Array.isArray(value)) return value.map((item) => redactValue(item, secrets));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([name, item]) => [redactWords(name, secrets), redactValue(item, secrets)]),
  );
}

/** Shorter secrets also occur inside harmless words, so they are hidden only where they stand alone. */
const shortSecret = 8;

/** Hides these secrets in a text, in upper and lower case, since a server may change the case of a repeated secret. */
export function hideSecrets(text: string, secrets: readonly string[]): string {
  if (secrets.length === 0) return text;
  return secrets
    .filter((secret) => secret !== '' && secret.length <= text.length)
    .toSorted((a, b) => b.length - a.length)
    .reduce((left, secret) => {
      const escaped = secret.replace(/[^A-Za-z0-9]/gu, (sign) => `\\u{${sign.codePointAt(0)?.toString(16)}}`);
      const alone = secret.length < shortSecret;
      return left.replace(new RegExp(alone ? `(?<!\\w)${escaped}(?!\\w)` : escaped, 'giu'), hidden);
    }, text);
}

/** True if the text repeats one of these secrets. Short secrets don't count, because they may occur by chance. */
export function holdsSecret(text: string, secrets: readonly string[]): boolean {
  const telling = secrets.filter((secret) => secret.length >= shortSecret);
  return hideSecrets(text, telling) !== text;
}

/** Makes headers safe for logs: hides secrets, reduces an Authorization to its scheme and redacts addresses. */
export function redactHeaders(headers: HeaderMap, secrets: readonly string[] = []): HeaderMap {
  return Object.fromEntries(
    Object.entries(headers).map(([name, lines]) => [
      name,
      lines.map((line) => hideSecrets(redactHeader(name, line), secrets)),
    ]),
  );
}

function redactHeader(name: string, line: string): string {
  if (name === 'authorization' || name === 'proxy-authorization') {
    const scheme = /^\s*([A-Za-z]+)\s+\S/.exec(line)?.[1];
    return scheme === undefined ? hidden : `${scheme} ${hidden}`;
  }
  if (name === 'www-authenticate' || name === 'proxy-authenticate' || name === 'warning') {
    return redactWords(line);
  }
  if (name === 'location' || name === 'content-location' || name === 'referer') return redactUrl(line);
  if (name === 'link') return redactLinks(line);
  // Only the name tells whether a custom header of a proxy or of docker's config file is secret.
  return /auth|cookie|credential|key|password|secret|signature|token/.test(name) ? hidden : line;
}

/**
 * Redacts each target between `<` and `>`, and a first one without them. A regular expression would search for every
 * `>` again, in quadratic time.
 */
function redactLinks(line: string): string {
  const bare = /^[^\s<;]+/.exec(line)?.[0] ?? '';
  let shown = redactUrl(bare);
  for (let at = bare.length; at < line.length; ) {
    const open = line.indexOf('<', at);
    if (open < 0) return shown + line.slice(at);
    const close = line.indexOf('>', open);
    const end = close < 0 ? line.length : close;
    shown += line.slice(at, open + 1) + redactUrl(line.slice(open + 1, end));
    at = end;
  }
  return shown;
}
