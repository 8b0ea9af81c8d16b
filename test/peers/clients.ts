import { output } from '../../bench/support/programs.ts';
import type { Peer } from '../peer.ts';
import { tag } from './images.ts';

/** A peer that moves whole images and indexes between registries and OCI layouts. */
export interface PeerClient {
  readonly name: Peer;
  /** Pushes a layout with one root, named `tag`. */
  push(layout: string, reference: string): Promise<unknown>;
  pull(reference: string, layout: string): Promise<unknown>;
  copy(source: string, destination: string): Promise<unknown>;
  tags(repository: string): Promise<readonly string[]>;
  /** Deletes by digest. */
  delete(reference: string): Promise<unknown>;
}

const skopeo: PeerClient = {
  name: 'skopeo',
  push: (layout, reference) =>
    skopeoCopy('--dest-tls-verify=false', `oci:${layout}:${tag}`, `docker://${reference}`),
  pull: (reference, layout) =>
    skopeoCopy('--src-tls-verify=false', `docker://${reference}`, `oci:${layout}:${tag}`),
  copy: (source, destination) =>
    skopeoCopy(
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `docker://${source}`,
      `docker://${destination}`,
    ),
  async tags(repository) {
    const listed: { readonly Tags: readonly string[] } = JSON.parse(
      await output('skopeo', ['list-tags', '--tls-verify=false', `docker://${repository}`]),
    );
    return listed.Tags;
  },
  delete: (reference) => output('skopeo', ['delete', '--tls-verify=false', `docker://${reference}`]),
};

function skopeoCopy(...args: readonly string[]): Promise<string> {
  return output('skopeo', ['copy', '--insecure-policy', '--all', '--preserve-digests', ...args]);
}

// crane uses plain HTTP on loopback by itself.
const crane: PeerClient = {
  name: 'crane',
  push: (layout, reference) => output('crane', ['push', layout, reference]),
  pull: (reference, layout) => output('crane', ['pull', '--format=oci', reference, layout]),
  copy: (source, destination) => output('crane', ['copy', source, destination]),
  tags: async (repository) => lines(await output('crane', ['ls', repository])),
  delete: (reference) => output('crane', ['delete', reference]),
};

const oras: PeerClient = {
  name: 'oras',
  push: (layout, reference) =>
    output('oras', ['cp', '--from-oci-layout', `${layout}:${tag}`, '--to-plain-http', reference]),
  pull: (reference, layout) =>
    output('oras', ['cp', '--from-plain-http', reference, '--to-oci-layout', `${layout}:${tag}`]),
  copy: (source, destination) =>
    output('oras', ['cp', '--from-plain-http', '--to-plain-http', source, destination]),
  tags: async (repository) => lines(await output('oras', ['repo', 'tags', '--plain-http', repository])),
  delete: (reference) => output('oras', ['manifest', 'delete', '--plain-http', '--force', reference]),
};

export const peerClients: readonly PeerClient[] = [skopeo, crane, oras];

function lines(text: string): readonly string[] {
  return text.split('\n').filter((line) => line !== '');
}
