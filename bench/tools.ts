import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { imageTag } from './images.ts';
import { gantryProgram, ownProgram } from './programs.ts';
import { isInPath } from './support/programs.ts';

/** The task of a tool. */
export type Verb =
  | 'push'
  | 'pull'
  | 'copy'
  | 'copyAll'
  | 'tag'
  | 'digest'
  | 'ls'
  | 'version'
  | 'export'
  | 'append'
  | 'mutate'
  | 'flatten';

/** The places of a run. References are `host/repository:tag`, repositories have no tag. */
export interface Places {
  /** A layout with one root, named `v1`. */
  readonly layout: string;
  readonly from: string;
  readonly to: string;
  /** For `append`: a tar of 100 MB. */
  readonly tar: string;
  /** For `tag`, `append`, `mutate` and `flatten`: the new tag in the repository of `from`. */
  readonly tag: string;
  /** Whether the registries speak TLS. */
  readonly tls: boolean;
  /** For `pull`: a folder that does not exist yet; for `export`: a file. */
  readonly folder: string;
}

type Arguments = (places: Places) => readonly string[];

export interface Tool {
  readonly name: string;
  /** The program with its constant arguments. */
  readonly program: readonly string[];
  readonly verbs: Readonly<Partial<Record<Verb, Arguments>>>;
  /** The command that only starts the tool's runtime: an empty program, or the cheapest command of the tool. */
  readonly start: readonly string[];
  /** The tool does nothing for any verb. Others are compared with it. */
  readonly idle?: true;
  /** The tool that it is compared with. Default: the best of all others but gantry. */
  readonly beside?: string;
}

export const repositoryOf = (reference: string): string => reference.slice(0, reference.lastIndexOf(':'));
const hostOf = (reference: string): string => reference.slice(0, reference.indexOf('/'));

/** The result of a change: another tag in the repository of the source. */
export const besideSource = ({ from, tag }: Pick<Places, 'from' | 'tag'>): string =>
  `${repositoryOf(from)}:${tag}`;

/** crane's command line, which is also gantry's. */
const craneVerbs: Tool['verbs'] = {
  push: ({ layout, to }) => ['push', layout, to],
  pull: ({ from, folder }) => ['pull', '--format=oci', from, folder],
  copy: ({ from, to }) => ['copy', from, to],
  copyAll: ({ from, to }) => ['copy', '-a', repositoryOf(from), repositoryOf(to)],
  tag: ({ from, tag }) => ['tag', from, tag],
  digest: ({ from }) => ['digest', from],
  ls: ({ from }) => ['ls', repositoryOf(from)],
  export: ({ from, folder }) => ['export', from, folder],
  append: (places) => ['append', '-b', places.from, '-f', places.tar, '-t', besideSource(places)],
  mutate: (places) => ['mutate', places.from, '-l', 'team=core', '-t', besideSource(places)],
  flatten: (places) => ['flatten', places.from, '-t', besideSource(places)],
};

export const gantry: Tool = {
  name: 'gantry',
  program: [process.execPath, gantryProgram()],
  verbs: { ...craneVerbs, version: () => ['version'] },
  start: [process.execPath, ownProgram('empty')],
};

// crane uses plain HTTP on loopback by itself.
export const crane: Tool = {
  name: 'crane',
  program: ['crane'],
  verbs: craneVerbs,
  start: ['crane', 'version'],
};

/** Options of oras for registries without TLS. */
const orasPlain = ({ tls }: Places, ...names: readonly string[]): readonly string[] => (tls ? [] : names);

// oras has no verb for all tags of a repository.
const oras: Tool = {
  name: 'oras',
  program: ['oras'],
  verbs: {
    push: (places) => [
      'cp',
      '--from-oci-layout',
      `${places.layout}:${imageTag}`,
      ...orasPlain(places, '--to-plain-http'),
      places.to,
    ],
    pull: (places) => [
      'cp',
      ...orasPlain(places, '--from-plain-http'),
      places.from,
      '--to-oci-layout',
      `${places.folder}:${imageTag}`,
    ],
    copy: ({ from, to }) => ['cp', '--from-plain-http', '--to-plain-http', from, to],
    tag: ({ from, tag }) => ['tag', '--plain-http', from, tag],
    digest: ({ from }) => ['resolve', '--plain-http', from],
    ls: ({ from }) => ['repo', 'tags', '--plain-http', repositoryOf(from)],
  },
  start: ['oras', 'version'],
};

const plainFrom = '--src-tls-verify=false';
const plainTo = '--dest-tls-verify=false';
const skopeoCopy = ['copy', '--insecure-policy', '--all', '--preserve-digests'];

const skopeo: Tool = {
  name: 'skopeo',
  program: ['skopeo'],
  verbs: {
    push: ({ layout, to }) => [...skopeoCopy, plainTo, `oci:${layout}:${imageTag}`, `docker://${to}`],
    pull: ({ from, folder }) => [...skopeoCopy, plainFrom, `docker://${from}`, `oci:${folder}:${imageTag}`],
    copy: ({ from, to }) => [...skopeoCopy, plainFrom, plainTo, `docker://${from}`, `docker://${to}`],
    // The copies are directly below the host, under the last part of the repository's name.
    copyAll: ({ from, to }) => [
      'sync',
      '--insecure-policy',
      '--all',
      '--preserve-digests',
      '--src=docker',
      '--dest=docker',
      plainFrom,
      plainTo,
      repositoryOf(from),
      `${hostOf(to)}/bench`,
    ],
    tag: ({ from, tag }) => [
      ...skopeoCopy,
      plainFrom,
      plainTo,
      `docker://${from}`,
      `docker://${repositoryOf(from)}:${tag}`,
    ],
    digest: ({ from }) => [
      'inspect',
      '--no-tags',
      '--tls-verify=false',
      '--format={{.Digest}}',
      `docker://${from}`,
    ],
    ls: ({ from }) => ['list-tags', '--tls-verify=false', `docker://${repositoryOf(from)}`],
  },
  start: ['skopeo', '--version'],
};

/** regctl needs an option for each host with plain HTTP. */
const regctlHosts = (...references: readonly string[]): readonly string[] =>
  [...new Set(references.map(hostOf))].map((host) => `--host=reg=${host},tls=disabled`);

const regctl: Tool = {
  name: 'regctl',
  program: ['regctl'],
  verbs: {
    push: ({ layout, to }) => [...regctlHosts(to), 'image', 'copy', `ocidir://${layout}:${imageTag}`, to],
    pull: ({ from, folder }) => [
      ...regctlHosts(from),
      'image',
      'copy',
      from,
      `ocidir://${folder}:${imageTag}`,
    ],
    copy: ({ from, to }) => [...regctlHosts(from, to), 'image', 'copy', from, to],
    tag: ({ from, tag }) => [...regctlHosts(from), 'image', 'copy', from, `${repositoryOf(from)}:${tag}`],
    digest: ({ from }) => [...regctlHosts(from), 'image', 'digest', from],
    ls: ({ from }) => [...regctlHosts(from), 'tag', 'ls', repositoryOf(from)],
  },
  start: ['regctl', 'version'],
};

/** Returns every peer in PATH, or those of them with these names. */
export function peersHere(names?: readonly string[]): readonly Tool[] {
  return [crane, oras, skopeo, regctl].filter(
    ({ name }) => isInPath(name) && (names === undefined || names.includes(name)),
  );
}

/** Returns gantry on another Node. */
export function gantryOn(node: string): Tool {
  const line = execFileSync(node, ['--version'], { encoding: 'utf8' }).match(/\d+/)?.[0];
  return {
    ...gantry,
    name: `gantry, Node ${line}`,
    program: [node, gantryProgram()],
    start: [node, ownProgram('empty')],
  };
}

/** Returns gantry as one executable file. */
export function gantryAs(executable: string): Tool {
  return { ...gantry, name: 'gantry, executable', program: [executable], start: [executable, 'version'] };
}

/** Returns gantry and another build of it, with `program` as its command line. */
export function gantryBeside(program: string): readonly Tool[] {
  const other: Tool = { ...gantry, name: 'gantry, other build', program: [process.execPath, program] };
  return [
    { ...gantry, beside: other.name },
    { ...other, beside: other.name },
  ];
}
