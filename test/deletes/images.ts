import type { Client, Deletion, Image } from '../../src/index.ts';
import { bytesContent, createImage, createLayer } from '../../src/index.ts';

const day = 86_400_000;

/** Returns the time of this many days ago in the form of a config. */
export function daysAgo(days: number): string {
  return new Date(Date.now() - days * day).toISOString();
}

/** Returns a small image with this time; without `created`, with no time at all. */
export function imageMade(name: string, created?: string): Image {
  return createImage({
    config: {
      os: 'linux',
      architecture: 'amd64',
      ...(created === undefined ? {} : { created }),
      config: { Labels: { name } },
    },
    layers: [createLayer(bytesContent(new TextEncoder().encode(`layer of ${name}`)))],
  });
}

/** Pushes each image under its name, made this many days ago. */
export async function pushMade(
  client: Client,
  repository: string,
  made: Readonly<Record<string, number | undefined>>,
): Promise<void> {
  for (const [tag, days] of Object.entries(made)) {
    await client.pushImage(
      `${repository}:${tag}`,
      imageMade(tag, days === undefined ? undefined : daysAgo(days)),
    );
  }
}

/** Returns `outcome tag` lines in the order of the tags. */
export function outcomes(deletions: readonly Deletion[]): readonly string[] {
  return deletions
    .map(({ outcome, reference }) => `${outcome} ${reference.replace(/^.*:/, '')}`)
    .sort((a, b) => (a.split(' ')[1] ?? '').localeCompare(b.split(' ')[1] ?? ''));
}
