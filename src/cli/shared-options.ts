import type { Option } from './command.ts';
import { progressModes } from './renderer.ts';

/** Accepted before and after every command. */
export const globalOptions: readonly Option[] = [
  { name: 'verbose', short: 'v', summary: 'log what happens on the wire to stderr, secrets left out' },
  {
    name: 'insecure',
    summary: 'allow the registries that are named plain HTTP and certificates that do not verify',
  },
  {
    name: 'insecure-registry',
    value: 'REGISTRY',
    repeatable: true,
    summary: 'as --insecure, for this registry only',
  },
  {
    name: 'cacert',
    value: 'FILE',
    repeatable: true,
    summary: 'trust the certificate authorities in this file, too (PEM)',
  },
  { name: 'cert', value: 'FILE', summary: 'show registries this client certificate (PEM)' },
  { name: 'key', value: 'FILE', summary: 'the key of --cert (PEM)' },
  {
    name: 'timeout',
    value: 'SECONDS',
    summary: 'how long a registry may be silent (default 60; 30 until a connection stands)',
  },
  {
    name: 'trusted-realm',
    value: 'HOST',
    repeatable: true,
    summary: "a token service of another domain than its registry's that may see credentials",
  },
  {
    name: 'docker-headers',
    value: 'REGISTRY',
    repeatable: true,
    summary: "send this registry the HttpHeaders of docker's config file",
  },
  { name: 'allow-nondistributable-artifacts', summary: 'push layers that are not meant to be distributed' },
  {
    name: 'platform',
    value: 'PLATFORM',
    repeatable: true,
    summary: 'os/arch[/variant][:osversion], or all; copy, push, pull and validate take several',
  },
  { name: 'username', value: 'NAME', summary: 'be this user at the registry, for this command only' },
  { name: 'password-stdin', summary: 'with --username: read the password from stdin' },
  { name: 'json', summary: 'print the result as JSON' },
  { name: 'progress', value: 'MODE', choices: progressModes, summary: 'how to show progress on stderr' },
];

/** The options of one side of a copy. */
export function sideOptions(prefix: 'src-' | 'dest-', side: string): readonly Option[] {
  return [
    {
      name: `${prefix}username`,
      value: 'NAME',
      summary: `be this user at the ${side}, for this command only`,
    },
    { name: `${prefix}password-stdin`, summary: `read that user's password from stdin` },
    {
      name: `${prefix}creds`,
      value: 'NAME[:PASSWORD]',
      summary: `user and password at the ${side}; others can see it: rather use stdin`,
    },
    { name: `${prefix}insecure`, summary: `as --insecure, for the ${side} only` },
  ];
}
