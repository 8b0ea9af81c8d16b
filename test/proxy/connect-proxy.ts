import { once } from 'node:events';
import http from 'node:http';
import net, { type Socket } from 'node:net';
import { listenAnywhere } from '../../bench/support/listen.ts';
import { join } from '../tls/front.ts';

export interface ConnectProxy extends AsyncDisposable {
  readonly host: string;
  /** The requests to it: `CONNECT registry.example:443`, `GET http://…`, with ` 407` after a refusal. */
  readonly asked: string[];
}

/** Starts a proxy with one user. Every host name leads to `backend`. */
export async function startProxy(backend: string, login: string): Promise<ConnectProxy> {
  const { hostname, port } = new URL(`http://${backend}`);
  const wanted = `Basic ${Buffer.from(login).toString('base64')}`;
  const asked: string[] = [];
  const open = new Set<Socket>();
  const admits = ({ method, url, headers }: http.IncomingMessage): boolean => {
    const admitted = headers['proxy-authorization'] === wanted;
    asked.push(`${method} ${url}${admitted ? '' : ' 407'}`);
    return admitted;
  };
  const server = http.createServer((request, response) => {
    if (!admits(request)) {
      response.writeHead(407, { 'proxy-authenticate': 'Basic realm="proxy"' }).end();
      return;
    }
    const { 'proxy-authorization': _, ...headers } = request.headers;
    const path = new URL(request.url ?? '').href.replace(/^http:\/\/[^/]*/, '');
    const outgoing = http.request({ hostname, port, method: request.method, path, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 0, answer.headers);
      answer.pipe(response);
    });
    outgoing.once('error', () => response.destroy());
    request.pipe(outgoing);
  });
  server.on('connect', (request: http.IncomingMessage, socket: Socket) => {
    if (!admits(request)) {
      socket.end('HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n');
      return;
    }
    const through = net.connect(Number(port), hostname, () => {
      socket.write('HTTP/1.1 200 Connection established\r\n\r\n');
      join(socket, through, open);
    });
    through.once('error', () => socket.destroy());
  });
  return {
    host: `127.0.0.1:${await listenAnywhere(server)}`,
    asked,
    async [Symbol.asyncDispose]() {
      for (const socket of open) socket.destroy();
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
