import type { CommandGroup } from './command.ts';
import { places, results, source } from './result-options.ts';

const editing =
  'On a terminal, the editor of $VISUAL or $EDITOR opens; otherwise stdin is the new content. Without a change, nothing is written.';

/** Commands that let the user edit a part of an image. */
export const editor: CommandGroup = {
  name: 'edit',
  summary: 'edit the config, the manifest or a file of an image',
  commands: [
    {
      name: 'config',
      summary: 'edit the config of an image',
      details: `${editing} The new config has to be one for the same layers. ${places}`,
      arguments: [source],
      options: results,
      examples: [
        'gantry config ghcr.io/acme/parts:amd64 | sed s/2020/2021/ | gantry edit config ghcr.io/acme/parts:amd64',
      ],
      load: async () => (await import('./commands/edit-config.ts')).editConfig,
    },
    {
      name: 'manifest',
      summary: 'edit the manifest of an image, or an index',
      details:
        `${editing} Everything that the new manifest names has to exist, and its layers have to fit its config. With --platform, the ` +
        `manifests of images in an index are edited. ${places}`,
      arguments: [source],
      options: [
        {
          name: 'media-type',
          short: 'm',
          value: 'TYPE',
          summary: 'the media type of a manifest that names none (default: as before)',
        },
        ...results,
      ],
      examples: [
        'gantry manifest ghcr.io/acme/app:1 | sed s/linux/freebsd/ | gantry edit manifest ghcr.io/acme/app:1 --dry-run',
      ],
      load: async () => (await import('./commands/edit-manifest.ts')).editManifestOf,
    },
    {
      name: 'fs',
      summary: 'edit a file of an image, in a new layer',
      details: `${editing} A file keeps its mode, owner and time; a new one belongs to root. ${places}`,
      arguments: [source],
      options: [
        { name: 'filename', short: 'f', value: 'PATH', summary: 'the file in the image' },
        ...results,
      ],
      examples: ['echo hello | gantry edit fs -f /etc/motd ghcr.io/acme/app:1 -t ghcr.io/acme/app:2'],
      load: async () => (await import('./commands/edit-fs.ts')).editFileOf,
    },
  ],
};
