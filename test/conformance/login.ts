import { type Access, createAccess } from '../../src/server/access/access.ts';
import { basicOf, secret } from '../secret.ts';
import type { Answer, Ask } from './stage.ts';

/** The login of the registry: the scheme that it demands, if any. */
export type Guard = 'no login' | 'tokens' | 'Basic';

const [user, password] = ['conformance', secret('conformance')];

export function accessFor(guard: Guard): Access {
  if (guard === 'no login') return createAccess();
  return createAccess({
    login: {
      find: async (name) => (name === user ? { name, stamp: password } : undefined),
      check: async (name, given) => name === user && given === password,
    },
  });
}

/**
 * Logs in like the suite's client. It keeps an Authorization for each repository and kind of method, sends it until the
 * registry refuses it, reads only the first challenge, and puts all scopes into one parameter.
 */
export function loggingIn(ask: Ask, guard: Guard): Ask {
  if (guard === 'no login') return ask;
  const basic = basicOf(user, password);
  if (guard === 'Basic') return withAuthorization(ask, basic);
  const known = new Map<string, string>();
  return async (method, target, question = {}) => {
    const key = `${/\/v2\/(.+)\/(?:blobs|manifests|tags|referrers)\//.exec(target)?.[1]} ${kindOf(method)}`;
    const shown = known.get(key);
    const answer = await (shown === undefined ? ask : withAuthorization(ask, shown))(
      method,
      target,
      question,
    );
    if (answer.status !== 401) return answer;
    const bearer = `Bearer ${await tokenFor(withAuthorization(ask, basic), answer)}`;
    known.set(key, bearer);
    return await withAuthorization(ask, bearer)(method, target, question);
  };
}

function withAuthorization(ask: Ask, authorization: string): Ask {
  return (method, target, question = {}) =>
    ask(method, target, { ...question, headers: { ...question.headers, authorization } });
}

async function tokenFor(ask: Ask, { header }: Answer): Promise<string> {
  const challenge = header('www-authenticate') ?? '';
  const parameters = new Map(
    Array.from(challenge.matchAll(/([a-zA-Z]+)="(.+?)"/g), ([, name = '', value = '']) => [name, value]),
  );
  const query = new URLSearchParams({ service: parameters.get('service') ?? '' });
  const scope = parameters.get('scope');
  if (scope !== undefined) query.set('scope', scope);
  const { bytes } = await ask('GET', `${parameters.get('realm')}?${query.toString()}`);
  const reply: { readonly token: string } = JSON.parse(new TextDecoder().decode(bytes));
  return reply.token;
}

function kindOf(method: string): string {
  if (method === 'GET' || method === 'HEAD') return 'pull';
  return method === 'DELETE' ? method : 'push';
}
