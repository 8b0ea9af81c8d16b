import { repository } from './arguments.ts';
import type { CommandGroup } from './command.ts';

/** Logins, as docker and crane store them. */
export const auth: CommandGroup = {
  name: 'auth',
  summary: 'log in, log out, and show credentials',
  commands: [
    {
      name: 'login',
      summary: 'store a name and password for a registry',
      details:
        "Stored in docker's config.json, or with the credential helper that it names, after the registry has accepted it. " +
        'Asks for missing values on a terminal.',
      arguments: [{ name: 'REGISTRY', kind: 'registry', optional: true }],
      options: [
        { name: 'username', short: 'u', value: 'NAME', summary: 'user name' },
        {
          name: 'password',
          short: 'p',
          value: 'PASSWORD',
          summary: 'password; other users can see it, so prefer stdin',
        },
        { name: 'password-stdin', summary: 'read the password from stdin' },
        { name: 'no-verify', summary: 'store it without asking the registry' },
      ],
      examples: ['gantry auth login ghcr.io -u me --password-stdin < token.txt'],
      load: async () => (await import('./commands/auth-login.ts')).authLogin,
    },
    {
      name: 'logout',
      summary: 'forget the credentials of a registry',
      arguments: [{ name: 'REGISTRY', kind: 'registry', optional: true }],
      options: [],
      examples: ['gantry auth logout registry.example'],
      load: async () => (await import('./commands/auth-logout.ts')).authLogout,
    },
    {
      name: 'get',
      summary: 'print credentials, as a docker credential helper does',
      details: 'The registry can also come from stdin.',
      arguments: [{ name: 'REGISTRY', kind: 'registry', optional: true }],
      options: [],
      examples: ['echo ghcr.io | gantry auth get'],
      load: async () => (await import('./commands/auth-get.ts')).authGet,
    },
    {
      name: 'token',
      summary: 'print a token for a repository',
      arguments: [repository],
      options: [
        { name: 'header', short: 'H', summary: 'print it as an Authorization header' },
        { name: 'push', summary: 'also request the right to push' },
        {
          name: 'mount',
          short: 'm',
          value: 'REPO',
          valueKind: 'repository',
          repeatable: true,
          summary: 'also request the right to mount from here',
        },
      ],
      examples: [
        'curl -H "$(gantry auth token -H alpine)" https://registry-1.docker.io/v2/library/alpine/tags/list',
      ],
      load: async () => (await import('./commands/auth-token.ts')).authToken,
    },
  ],
};
