import { bytesContent } from '../../src/flow/content.ts';
import { headerValue } from '../../src/wire/headers.ts';
import type { HttpResponse, Send } from '../../src/wire/message.ts';
import { operationOf } from '../faults/spoil.ts';
import { basicOf, secret } from '../secret.ts';

const user: Readonly<Record<'username' | 'password', string>> = {
  username: 'alice',
  password: secret('counts'),
};
export const keychain = async (): Promise<{ readonly kind: 'basic' } & typeof user> => ({
  kind: 'basic',
  ...user,
});

/**
 * Protects a registry with tokens of its own token service, which is at the same host and demands user and password. A
 * token is the list of the requested scopes, and the registry checks it for every request.
 */
export function withTokenLogin(app: Send): Send {
  return async (request) => {
    const host = headerValue(request.headers, 'host') ?? '';
    const { pathname, searchParams } = new URL(request.url, `http://${host}`);
    const shown = headerValue(request.headers, 'authorization');
    if (pathname === '/token') {
      if (shown !== basicOf(user.username, user.password)) return answer(401, '{}');
      const token = Buffer.from([secret('token'), ...searchParams.getAll('scope')].join(' ')).toString(
        'base64url',
      );
      return answer(200, JSON.stringify({ token, expires_in: 300 }));
    }
    const granted = Buffer.from(shown?.replace(/^Bearer /, '') ?? '', 'base64url').toString();
    const operation = operationOf(request);
    const name = operation !== undefined && 'repository' in operation ? operation.repository : '';
    const wanted = ['GET', 'HEAD'].includes(request.method) ? 'pull' : 'push';
    const has = granted.split(' ').some((scope) => {
      const [type, repository, actions = ''] = scope.split(':');
      return type === 'repository' && repository === name && actions.split(',').includes(wanted);
    });
    if (has) return app(request);
    const challenge = `Bearer realm="http://${host}/token",service="${host}",scope="repository:${name}:${wanted}"`;
    return answer(401, '{"errors":[{"code":"UNAUTHORIZED"}]}', { 'www-authenticate': [challenge] });
  };
}

function answer(status: number, text: string, headers: HttpResponse['headers'] = {}): HttpResponse {
  return { status, headers, body: bytesContent(new TextEncoder().encode(text)).open() };
}
