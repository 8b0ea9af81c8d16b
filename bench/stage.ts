import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Client, createClient, type Descriptor, type Image, type Index } from '../src/index.ts';
import type { Credential } from '../src/keychain/index.ts';
import { imageTag, makeImage, tarOfWords, writeImage } from './images.ts';
import { type RegistryKind, startRegistry } from './registries.ts';
import type { Held, Scenario } from './scenario.ts';
import { type Authority, makeAuthority } from './support/authority.ts';
import type { RunningRegistry } from './support/distribution.ts';
import { startTokenService, type TokenService } from './support/token-service.ts';

/** The account of the tools for registries that require a login. */
export const user = { username: 'someone', password: 'a password' } as const;
export const credential: Credential = { kind: 'basic', ...user };

/** The things that all runs of a scenario at one kind of registry share. */
export interface Stage extends AsyncDisposable {
  /** A folder on the disk of this process. It is removed with the stage. */
  readonly folder: string;
  readonly layout: string;
  /** A tar of 100 MB, for a scenario that adds a layer. */
  readonly tar: string;
  readonly root: Descriptor;
  /** The number of all blobs, manifests included. */
  readonly blobs: number;
  readonly service: TokenService | undefined;
  /** The authority of the certificates, if the registries speak TLS. */
  readonly authority: Authority | undefined;
  /**
   * Starts a registry that holds the image under all tags of the scenario. With a login, clients reach the token
   * service at `realm`.
   */
  source(realm?: string): Promise<RunningRegistry>;
  /** Starts a registry that has only the content that the scenario demands. */
  destination(realm?: string): Promise<RunningRegistry>;
}

/** The repository of all runs. Each run has registries of its own. */
export const repository = 'bench/app';

/** Creates a client that prepares runs and checks their results. */
export function ownClient(authority: Authority | undefined): Client {
  return createClient({ keychain: async () => credential, tls: { ca: authority?.ca } });
}

export async function openStage(scenario: Scenario, kind: RegistryKind): Promise<Stage> {
  const { image: shape, holds = 'nothing', tags = 1, login = false, tls = false } = scenario;
  const folder = await mkdtemp(join(tmpdir(), 'gantry-bench-'));
  const service = login
    ? await startTokenService({ user: user.username, password: user.password, refreshToken: '' })
    : undefined;
  const authority = tls ? await makeAuthority(folder) : undefined;
  const certificate = await authority?.issue('registry', 'IP:127.0.0.1');
  const image = await makeImage(shape);
  const before = await heldImage(scenario, image);
  const layout = join(folder, 'layout');
  const root =
    scenario.verb === 'push' ? await writeImage(image, layout) : (await image.manifest()).descriptor;

  const tar = join(folder, 'added.tar');
  if (scenario.verb === 'append') await writeFile(tar, tarOfWords(100_000_000, 2000, 'added'));
  const start = (realm: string | undefined): Promise<RunningRegistry> =>
    startRegistry(kind, {
      tags,
      tls: certificate,
      ...(service === undefined || realm === undefined ? {} : { login: { service, realm } }),
    });
  return {
    folder,
    layout,
    tar,
    root,
    blobs: (shape.platforms ?? 1) * (shape.layers + 2) + (shape.platforms === undefined ? 0 : 1),
    service,
    authority,
    async source(realm) {
      const registry = await start(realm);
      if (kind === 'pages') return registry;
      await push(registry.host, image, imageTag, authority);
      for (let at = 2; at <= tags; at++)
        await push(registry.host, await makeImage(shape), `v${at}`, authority);
      return registry;
    },
    async destination(realm) {
      const registry = await start(realm);
      if (before !== undefined)
        await push(registry.host, before, holds === 'the image' ? imageTag : 'before', authority);
      return registry;
    },
    async [Symbol.asyncDispose]() {
      await service?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function heldImage(
  { image: shape, holds = 'nothing' }: { readonly image: Scenario['image']; readonly holds?: Held },
  image: Image | Index,
): Promise<Image | Index | undefined> {
  if (holds === 'nothing') return undefined;
  if (holds !== 'all but one layer' || image.kind === 'index') return image;
  return makeImage(shape, (await image.layers()).slice(0, -1));
}

async function push(
  host: string,
  image: Image | Index,
  tag: string,
  authority: Authority | undefined,
): Promise<void> {
  await using client = ownClient(authority);
  const reference = `${host}/${repository}:${tag}`;
  await (image.kind === 'image' ? client.pushImage(reference, image) : client.pushIndex(reference, image));
}
