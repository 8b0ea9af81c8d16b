import { request } from 'node:http';

/** Prints the digest of an image with as little code as possible. The bench compares a whole client with it. */
const [, host = '', name = '', tag = ''] = /^([^/]+)\/(.+):([^:]+)$/.exec(process.argv[2] ?? '') ?? [];
const accept = [
  'application/vnd.oci.image.index.v1+json',
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
  'application/vnd.docker.distribution.manifest.v2+json',
];
request(
  `http://${host}/v2/${name}/manifests/${tag}`,
  { method: 'HEAD', headers: { accept: accept.join(', ') } },
  (response) => {
    response.resume();
    process.stdout.write(`${String(response.headers['docker-content-digest'])}\n`);
  },
).end();
