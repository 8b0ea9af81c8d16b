import { stat } from 'node:fs/promises';
import { packageVersion } from '../src/cli/version.ts';
import { checkLayout } from './images.ts';
import type { Scenario } from './scenario.ts';
import { ownClient, type Stage } from './stage.ts';
import { besideSource, type Places, repositoryOf } from './tools.ts';

/** Throws unless the result of the scenario is there. */
export async function check(scenario: Scenario, stage: Stage, stdout: string, places: Places): Promise<void> {
  const { verb, tags = 1 } = scenario;
  await using client = ownClient(stage.authority);
  const isThere = async (reference: string): Promise<void> => {
    for await (const { problem } of client.validate(reference, { fast: true })) {
      if (problem !== undefined) throw new Error(`${reference}: ${problem}`);
    }
  };
  const hasRoot = async (reference: string): Promise<void> => {
    const { digest } = await client.getDescriptor(reference);
    if (digest !== stage.root.digest) throw new Error(`${reference} is ${digest}`);
  };
  switch (verb) {
    case 'push':
    case 'copy':
      await hasRoot(places.to);
      return await isThere(places.to);
    case 'copyAll':
      for (let at = 1; at <= tags; at++) {
        const [had, has] = await Promise.all(
          [places.from, places.to].map((place) => client.getDescriptor(`${repositoryOf(place)}:v${at}`)),
        );
        if (had?.digest !== has?.digest) throw new Error(`v${at} is ${has?.digest}`);
        if (at % 20 === 1) await isThere(`${repositoryOf(places.to)}:v${at}`);
      }
      return;
    case 'pull':
      return await checkLayout(places.folder, stage.blobs);
    case 'export': {
      const { size } = await stat(places.folder);
      const { layers, layerSize } = scenario.image;
      if (size < layers * layerSize) throw new Error(`the tar has ${size} bytes`);
      return;
    }
    case 'tag':
      return await hasRoot(`${repositoryOf(places.from)}:${places.tag}`);
    case 'append':
    case 'mutate':
    case 'flatten':
      return await isThere(besideSource(places));
    case 'digest':
      return isSaid(stdout, stage.root.digest);
    case 'ls':
      return isSaid(stdout, `v${tags}`);
    case 'version':
      return isSaid(stdout, packageVersion());
  }
}

function isSaid(stdout: string, wanted: string): void {
  if (!stdout.includes(wanted)) throw new Error(`${wanted} is not in ${stdout.slice(0, 200)}`);
}
