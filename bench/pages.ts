import { once } from 'node:events';
import { createServer } from 'node:http';
import type { RunningRegistry } from './support/distribution.ts';

/** The largest page that registries give. */
const pageSize = 1000;

/** Starts a registry that has only the tags `v1`, `v2`, … of each repository, in pages. */
export async function startPages(tags: number): Promise<RunningRegistry> {
  const names = Array.from({ length: tags }, (_, at) => `v${at + 1}`);
  const server = createServer((request, response) => {
    const url = new URL(request.url ?? '', 'http://registry');
    const [, name] = /^\/v2\/(.+)\/tags\/list$/.exec(url.pathname) ?? [];
    if (name === undefined) return response.end('{}');
    const first = names.indexOf(url.searchParams.get('last') ?? '') + 1;
    const size = Math.min(Number(url.searchParams.get('n') ?? pageSize), pageSize);
    const page = names.slice(first, first + size);
    if (first + size < names.length) {
      response.setHeader('link', `</v2/${name}/tags/list?n=${size}&last=${page.at(-1)}>; rel="next"`);
    }
    response.setHeader('content-type', 'application/json');
    return response.end(JSON.stringify({ name, tags: page }));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address();
  if (typeof address !== 'object' || address === null) throw new Error('no address');
  return {
    host: `127.0.0.1:${address.port}`,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
    },
  };
}
