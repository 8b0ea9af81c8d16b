import { type RegistryKind, registriesHere } from '../registries.ts';
import type { Scenario } from '../scenario.ts';
import { bytes } from './bytes.ts';
import { counts } from './counts.ts';
import { many } from './many.ts';
import { slowNetwork } from './slow-network.ts';
import { startUp } from './start-up.ts';

export const scenarios: readonly Scenario[] = [...counts, ...slowNetwork, ...bytes, ...many, ...startUp];

/** Returns the kinds of registries for a scenario. */
export function registriesOf({ registries, login }: Scenario): readonly RegistryKind[] {
  // Only docker-registry asks for a login here, since it can use the token service of the bench.
  return registries ?? (login === true ? ['docker-registry'] : registriesHere());
}

/** Returns the name of a table in docs/benchmarks.md. */
export function tableName({ name }: Pick<Scenario, 'name'>, registry: RegistryKind): string {
  return `${name}, ${registry}`;
}
