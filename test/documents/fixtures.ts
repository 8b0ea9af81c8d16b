import { chmod, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { hash } from 'bcryptjs';
import { projectRoot } from '../../scripts/project.ts';
import {
  bytesContent,
  copyImage,
  createClient,
  createImage,
  createIndex,
  createLayer,
  type Image,
  type Index,
  imageSource,
  mapImages,
  writeTar,
} from '../../src/index.ts';
import { attestReference } from '../../src/sign/attest.ts';
import { generateKey, openSigner } from '../../src/sign/index.ts';
import { signReference } from '../../src/sign/sign-image.ts';
import { startRegistry } from '../../src/testing/index.ts';
import { command } from '../cli/gantry.ts';
import type { Authority } from '../tls/authority.ts';
import { type Hosts, password } from './hosts.ts';

/** The key `cosign.key` of the documents, with an empty password. */
const signing = generateKey('');

/** Fills the registries that the documents read from. */
export async function publish(hosts: Hosts): Promise<void> {
  const image = await makeIndex('app');
  await store(hosts, 'ghcr.io', 'acme/app', ['1', '1.0', '1.1', '1.2.3', 'pr-7'], image);
  await sign(hosts);
  await store(hosts, 'registry.example', 'app', ['1', '2'], image);
  await store(hosts, 'registry-1.docker.io', 'library/alpine', ['latest', '3.20'], await makeIndex('alpine'));
  await store(hosts, 'registry-1.docker.io', 'library/node', ['22-slim'], await makeIndex('node 22'));
  const base = await makeIndex('alpine 3.19');
  await store(hosts, 'registry-1.docker.io', 'library/alpine', ['3.19'], base);
  const based = mapImages(base, (image) => image.withConfig({ user: '65532' }));
  await store(hosts, 'ghcr.io', 'acme/based', ['1'], based);
  for (const part of ['amd64', 'arm64'])
    await store(hosts, 'ghcr.io', 'acme/parts', [part], await makeImage('part', part));
}

/** Signs ghcr.io/acme/app:1, and attaches an attestation. */
async function sign(hosts: Hosts): Promise<void> {
  const { registry } = await hosts.registry('ghcr.io');
  const repository = registry.repository('acme/app', { actions: ['pull', 'push'] });
  const place = { from: repository, to: repository, name: 'ghcr.io/acme/app' };
  const signer = await openSigner((await signing).privateKey, { password: '' });
  await signReference(place, '1', { signer });
  await attestReference(place, '1', { signer, predicate: new TextEncoder().encode('{}'), type: 'spdxjson' });
}

async function store(
  hosts: Hosts,
  host: string,
  name: string,
  tags: readonly string[],
  image: Image | Index,
): Promise<void> {
  const { registry } = await hosts.registry(host);
  const { repository, root } = await imageSource(image);
  await copyImage(repository, root.digest, registry.repository(name, { actions: ['pull', 'push'] }), {
    tags,
  });
}

/**
 * Makes an index of linux/amd64 and linux/arm64. Its layers are not compressed, so its digests are the same everywhere.
 */
async function makeIndex(text: string): Promise<Index> {
  const entry = async (
    architecture: string,
  ): Promise<{ image: Image; platform: { os: string; architecture: string } }> => ({
    image: await makeImage(text, architecture),
    platform: { os: 'linux', architecture },
  });
  return createIndex([await entry('amd64'), await entry('arm64')]);
}

async function makeImage(text: string, architecture: string): Promise<Image> {
  const body = new TextEncoder().encode(`${text} ${architecture}\n`);
  const chunks: Uint8Array[] = [];
  for await (const chunk of writeTar([{ name: 'hello.txt', size: body.byteLength, body: [body] }])) {
    chunks.push(chunk.slice());
  }
  return createImage({
    config: {
      os: 'linux',
      architecture,
      created: '2020-01-01T00:00:00Z',
      config: { Labels: { title: text } },
      history: [{ created: '2020-01-01T00:00:00Z', created_by: 'test' }],
    },
    layers: [
      createLayer(bytesContent(Buffer.concat(chunks)), {
        mediaType: 'application/vnd.oci.image.layer.v1.tar',
      }),
    ],
  });
}

/** Writes the files that the blocks name into the folder of a document, and installs the package there. */
export async function furnish(home: string, authority: Authority): Promise<void> {
  await mkdir(join(home, 'node_modules'));
  await symlink(projectRoot(), join(home, 'node_modules', 'gantry'), 'junction');
  await using registry = await startRegistry();
  await using client = createClient();
  const reference = `${registry.host}/app:1`;
  await client.pushIndex(reference, await makeIndex('app'));
  await client.pull([reference], join(home, 'app.tar'));
  await client.pull([reference], join(home, 'layout'), { format: 'oci' });
  await makeApplication(join(home, 'web'));
  await writeFile(join(home, 'token.txt'), password);
  const stored = await hash(password, 4);
  await writeFile(join(home, 'users'), `alice:${stored}\n`);
  await writeFile(join(home, 'rules.yaml'), 'rules: []\n');
  // The page about completion writes to this folder.
  await mkdir(join(home, '.local/share/bash-completion/completions'), { recursive: true });
  const { cert, key } = await authority.issue('registry.example', 'DNS:registry.example,DNS:localhost');
  await writeFile(join(home, 'cert.pem'), cert);
  await writeFile(join(home, 'key.pem'), key);
  const { privateKey, publicKey } = await signing;
  await writeFile(join(home, 'cosign.key'), privateKey);
  await writeFile(join(home, 'cosign.pub'), publicKey);
  await writeFile(join(home, 'other.pub'), (await generateKey('')).publicKey);
  await writeFile(join(home, 'signing.pem'), key);
  await writeFile(join(home, 'sbom.json'), '{"spdxVersion":"SPDX-2.3"}');
  await addPrograms(join(home, 'bin'), stored);
}

/** Writes a Node application with one installed dependency. */
async function makeApplication(folder: string): Promise<void> {
  const dependency = join(folder, 'node_modules', 'greeting');
  await mkdir(dependency, { recursive: true });
  const manifest = { name: 'web', version: '1.0.0', main: 'server.js', dependencies: { greeting: '1' } };
  await writeFile(join(folder, 'package.json'), JSON.stringify({ ...manifest, engines: { node: '22' } }));
  await writeFile(join(folder, 'server.js'), "console.log(require('greeting'));\n");
  await writeFile(join(dependency, 'package.json'), '{ "name": "greeting", "version": "1.0.0" }');
  await writeFile(join(dependency, 'index.js'), "module.exports = 'hello';\n");
}

/** Adds `gantry`, and replacements for the other programs in the documents. */
async function addPrograms(folder: string, stored: string): Promise<void> {
  await mkdir(folder);
  const programs: Readonly<Record<string, string>> = {
    // See serving.ts.
    gantry: `case "$1 $2" in
serve*|"registry serve") exec "${process.execPath}" "${join(folder, 'serve.mjs')}" "$@" ;;
*) exec ${command.map((word) => `"${word}"`).join(' ')} "$@" ;;
esac`,
    docker: `case "$1" in
load) cat > loaded.tar && gantry validate --tarball loaded.tar ;;
save) cat app.tar ;;
pull) gantry pull "$2" pulled.tar ;;
*) echo "docker $1 has no stand-in" >&2; exit 1 ;;
esac`,
    htpasswd: `test "$1" = -Bc && printf '%s:%s\\n' "$3" '${stored}' > "$2"`,
    ssh: 'shift; exec "$@"',
    curl: 'case "$2" in "Authorization: Bearer "?*) ;; *) exit 1 ;; esac',
  };
  for (const [name, script] of Object.entries(programs)) {
    await writeFile(join(folder, name), `#!/bin/sh\n${script}\n`);
    await chmod(join(folder, name), 0o755);
  }
  await writeFile(join(folder, 'serve.mjs'), serveProgram);
}

const serveProgram = `const body = JSON.stringify({ args: process.argv.slice(2), cwd: process.cwd() });
const answer = await fetch(process.env.GANTRY_TEST_SERVING, { method: 'POST', body });
if (!answer.ok) {
  console.error(await answer.text());
  process.exitCode = 1;
}
`;
