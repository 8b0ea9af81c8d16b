import { join } from 'node:path';
import { type Ended, output, run } from '../../bench/support/programs.ts';
import type { Peer } from '../peer.ts';
import { type Setting, type Trust, user } from './embedded.ts';
import { partsInLayout, tag } from './images.ts';
import type { Podman } from './podman.ts';

/** One client at one registry, with its logins in `home`. */
export interface Session {
  readonly host: string;
  readonly home: string;
  readonly setting: Setting;
  readonly trust: Pick<Trust, 'caFile' | 'folder'>;
  readonly podman: Podman;
}

/** The content of a push: a layout whose one root is named `tag`, and the same image in podman's store. */
export interface Pushed {
  readonly layout: string;
  readonly podmanId: string;
}

/** The reason why a tool cannot do it. */
export type Cannot = string;

/** One row of the table: a client, and for each operation its way to do it or the reason why it cannot. */
export interface EmbeddedClient {
  readonly name: Peer;
  readonly login: (session: Session, given: string) => Promise<Ended>;
  readonly push: (session: Session, pushed: Pushed, reference: string) => Promise<unknown>;
  /** Pulls and returns the digests of the pulled content. */
  readonly pull: (session: Session, reference: string, layout: string) => Promise<readonly string[]>;
  readonly copy: ((session: Session, from: string, to: string) => Promise<unknown>) | Cannot;
  readonly tags: (session: Session, repository: string) => Promise<readonly string[]>;
  readonly catalog: ((session: Session) => Promise<readonly string[]>) | Cannot;
  /** Deletes a tag, and keeps the manifest and its other tags. */
  readonly deleteTag: ((session: Session, reference: string) => Promise<unknown>) | Cannot;
  /** Deletes `repository:1` or `repository@digest`, in the form that no other row tests with the tool. */
  readonly deleteManifest:
    | ((session: Session, repository: string, digest: string) => Promise<unknown>)
    | Cannot;
}

const deletesManifests = 'of a tag it asks for the digest, and deletes the manifest with all its tags';

const skopeo: EmbeddedClient = {
  name: 'skopeo',
  login: (session, given) =>
    run('skopeo', ['login', ...access(session), '-u', user, '--password-stdin', session.host], {
      input: given,
    }),
  push: (session, { layout }, reference) =>
    output('skopeo', [
      ...skopeoCopy,
      ...side(session, 'dest'),
      `oci:${layout}:${tag}`,
      `docker://${reference}`,
    ]),
  async pull(session, reference, layout) {
    const [from, to] = [`docker://${reference}`, `oci:${layout}:${tag}`];
    await output('skopeo', [...skopeoCopy, ...side(session, 'src'), from, to]);
    return (await partsInLayout(layout)).blobs;
  },
  copy: (session, from, to) =>
    output('skopeo', [
      ...skopeoCopy,
      ...side(session, 'src'),
      ...side(session, 'dest'),
      `docker://${from}`,
      `docker://${to}`,
    ]),
  async tags(session, repository) {
    const said = await output('skopeo', ['list-tags', ...access(session), `docker://${repository}`]);
    const { Tags }: { readonly Tags: readonly string[] } = JSON.parse(said);
    return Tags;
  },
  catalog: 'it has no command that lists repositories',
  deleteTag: deletesManifests,
  deleteManifest: (session, repository) =>
    output('skopeo', ['delete', ...access(session), `docker://${repository}:1`]),
};

const skopeoCopy = ['copy', '--insecure-policy', '--all', '--preserve-digests'];

/** Returns the options for one side of skopeo's copy. */
export function side(session: Omit<Session, 'podman'>, which: 'src' | 'dest'): readonly string[] {
  return [...access(session)].map((option) => option.replace('--', `--${which}-`));
}

/** podman refuses a missing file in its options. The file exists after a login. */
export function access({ setting, trust, home }: Omit<Session, 'podman'>): readonly string[] {
  const tls = setting.tls ? `--cert-dir=${trust.folder}` : '--tls-verify=false';
  return setting.login === 'none' ? [tls] : [tls, authFile(home)];
}

function authFile(home: string): string {
  return `--authfile=${join(home, 'config.json')}`;
}

const crane: EmbeddedClient = {
  name: 'crane',
  login: (session, given) =>
    run('crane', ['auth', 'login', session.host, '-u', user, '--password-stdin'], {
      env: craneEnv(session),
      input: given,
    }),
  push: (session, { layout }, reference) => craneOutput(session, 'push', layout, reference),
  async pull(session, reference, layout) {
    await craneOutput(session, 'pull', '--format=oci', reference, layout);
    return (await partsInLayout(layout)).blobs;
  },
  copy: (session, from, to) => craneOutput(session, 'copy', from, to),
  tags: async (session, repository) => lines(await craneOutput(session, 'ls', repository)),
  catalog: async (session) => lines(await craneOutput(session, 'catalog', session.host)),
  deleteTag: (session, reference) => craneOutput(session, 'delete', reference),
  deleteManifest: (session, repository, digest) => craneOutput(session, 'delete', `${repository}@${digest}`),
};

export function craneOutput(session: Session, ...args: readonly string[]): Promise<string> {
  return output('crane', args, { env: craneEnv(session) });
}

/** crane trusts the certificates that Go trusts. */
function craneEnv({ home, trust }: Session): NodeJS.ProcessEnv {
  return { DOCKER_CONFIG: home, SSL_CERT_FILE: trust.caFile };
}

const oras: EmbeddedClient = {
  name: 'oras',
  login: (session, given) =>
    run('oras', ['login', ...orasWay(session, ''), session.host, '-u', user, '--password-stdin'], {
      env: { DOCKER_CONFIG: session.home },
      input: given,
    }),
  push: (session, { layout }, reference) =>
    orasOutput(session, 'cp', '--from-oci-layout', `${layout}:${tag}`, ...orasWay(session, 'to-'), reference),
  async pull(session, reference, layout) {
    const to = ['--to-oci-layout', `${layout}:${tag}`];
    await orasOutput(session, 'cp', ...orasWay(session, 'from-'), reference, ...to);
    return (await partsInLayout(layout)).blobs;
  },
  copy: (session, from, to) =>
    orasOutput(session, 'cp', ...orasWay(session, 'from-'), ...orasWay(session, 'to-'), from, to),
  tags: async (session, repository) =>
    lines(await orasOutput(session, 'repo', 'tags', ...orasWay(session, ''), repository)),
  catalog: async (session) =>
    lines(await orasOutput(session, 'repo', 'ls', ...orasWay(session, ''), session.host)),
  deleteTag: deletesManifests,
  deleteManifest: (session, repository) =>
    orasOutput(session, 'manifest', 'delete', '--force', ...orasWay(session, ''), `${repository}:1`),
};

export function orasOutput({ home }: Session, ...args: readonly string[]): Promise<string> {
  return output('oras', args, { env: { DOCKER_CONFIG: home } });
}

export function orasWay({ setting, trust }: Session, prefix: '' | 'from-' | 'to-'): readonly string[] {
  return setting.tls ? [`--${prefix}ca-file`, trust.caFile] : [`--${prefix}plain-http`];
}

const podman: EmbeddedClient = {
  name: 'podman',
  login: ({ podman, ...session }, given) =>
    podman.attempt(['login', ...access(session), '-u', user, '--password-stdin', session.host], given),
  push: ({ podman, ...session }, { podmanId }, reference) =>
    podman('push', '-q', ...access(session), podmanId, reference),
  // podman unpacks each pulled image, and keeps only its config unchanged.
  async pull({ podman, ...session }, reference) {
    return [`sha256:${(await podman('pull', '-q', ...access(session), reference)).trim()}`];
  },
  copy: 'it goes by way of its own store: a pull and a push',
  async tags({ podman, ...session }, repository) {
    const said = await podman('search', '--list-tags', '--format=json', ...searching(session), repository);
    const [found]: readonly { readonly Tags: readonly string[] }[] = JSON.parse(said);
    return found?.Tags ?? [];
  },
  // Without a search in the registry, it looks for names in the catalog.
  async catalog({ podman, ...session }) {
    const said = await podman('search', '--format=json', ...searching(session), `${session.host}/podman`);
    const found: readonly { readonly Name: string }[] = JSON.parse(said);
    return found.map(({ Name }) => Name.slice(session.host.length + 1));
  },
  deleteTag: 'it deletes only in its own store',
  deleteManifest: 'it deletes only in its own store',
};

/** `podman search` has no option for certificates, so its environment names them. */
function searching({ setting, home }: Pick<Session, 'setting' | 'home'>): readonly string[] {
  const tls = `--tls-verify=${setting.tls}`;
  return setting.login === 'none' ? [tls] : [tls, authFile(home)];
}

export const embeddedClients: readonly EmbeddedClient[] = [skopeo, crane, oras, podman];

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}
