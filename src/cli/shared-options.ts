import type { Option } from './command.ts';
import { progressModes } from './renderer.ts';

/** Accepted before and after every command. */
export const globalOptions: readonly Option[] = [
  { name: 'verbose', short: 'v', summary: 'log requests and responses to stderr, without secrets' },
  {
    name: 'insecure',
    summary: 'allow plain HTTP and unverified certificates for the named registries',
  },
  {
    name: 'insecure-registry',
    value: 'REGISTRY',
    repeatable: true,
    summary: 'like --insecure, for this registry only',
  },
  {
    name: 'cacert',
    value: 'FILE',
    repeatable: true,
    summary: 'also trust the certificate authorities in this file (PEM)',
  },
  { name: 'cert', value: 'FILE', summary: 'present this client certificate to registries (PEM)' },
  { name: 'key', value: 'FILE', summary: 'the key of --cert (PEM)' },
  {
    name: 'timeout',
    value: 'SECONDS',
    summary: 'how long a registry may be silent (default 60; 30 until a connection is open)',
  },
  {
    name: 'limit-rate',
    value: 'RATE',
    summary: 'send at most these bytes a second to registries, and receive as many: 10M, 1.5M, 500K',
  },
  {
    name: 'trusted-realm',
    value: 'HOST',
    repeatable: true,
    summary: 'a token service that may receive credentials although its registry is in another domain',
  },
  {
    name: 'docker-headers',
    value: 'REGISTRY',
    repeatable: true,
    summary: "send this registry the HttpHeaders of docker's config file",
  },
  { name: 'allow-nondistributable-artifacts', summary: 'also push nondistributable layers' },
  {
    name: 'platform',
    value: 'PLATFORM',
    repeatable: true,
    summary: 'os/arch[/variant][:osversion], or all; copy, push, pull and validate take several',
  },
  { name: 'username', value: 'NAME', summary: 'log in as this user, for this command only' },
  { name: 'password-stdin', summary: 'with --username: read the password from stdin' },
  { name: 'json', summary: 'print the result as JSON' },
  { name: 'progress', value: 'MODE', choices: progressModes, summary: 'the form of progress on stderr' },
];

/** The options of one side of a copy. */
export function sideOptions(prefix: 'src-' | 'dest-', side: string): readonly Option[] {
  return [
    {
      name: `${prefix}username`,
      value: 'NAME',
      summary: `log in as this user at the ${side}, for this command only`,
    },
    { name: `${prefix}password-stdin`, summary: `read that user's password from stdin` },
    {
      name: `${prefix}creds`,
      value: 'NAME[:PASSWORD]',
      summary: `user and password at the ${side}; other users can see it, so prefer stdin`,
    },
    { name: `${prefix}insecure`, summary: `like --insecure, for the ${side} only` },
  ];
}
