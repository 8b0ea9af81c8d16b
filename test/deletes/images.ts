import type { Client, Deletion, Image } from '../../src/index.ts';
import { bytesContent, createImage, createLayer } from '../../src/index.ts';

const day = 86_400_000;

/** So many days ago, as a config says it. */
export function daysAgo(days: number): string {
  return new Date(Date.now() - days * day).toISOString();
}

/** A small image that was made then; without `created`, nothing says when. */
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

/** Each under its name, made so many days ago. */
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

/** `outcome tag`, in the order of the tags. */
export function outcomes(deletions: readonly Deletion[]): readonly string[] {
  return deletions
    .map(({ outcome, reference }) => `${outcome} ${reference.replace(/^.*:/, '')}`)
    .sort((a, b) => (a.split(' ')[1] ?? '').localeCompare(b.split(' ')[1] ?? ''));
}
