import { houseMeasures, type Measure, missed } from './measures/house.ts';
import { projectRoot } from './project.ts';

/**
 * Prints the measures of the house: each figure beside its goal, and below them the places that miss a goal. Exits with
 * 1 when a goal is missed that is no aim. An argument names the folder of another project.
 */

const measures = houseMeasures(process.argv[2] ?? projectRoot());
print(measures);
if (missed(measures).length > 0) process.exitCode = 1;

function print(measures: readonly Measure[]): void {
  const widest = (of: (measure: Measure) => string): number =>
    Math.max(...measures.map((measure) => of(measure).length));
  const widths = [widest(({ name }) => name), widest(({ figure }) => figure)] as const;
  for (const { name, figure, goal, met, isAim = false } of measures) {
    const mark = isAim ? '…' : '✘';
    console.log(`${met ? '✔' : mark} ${name.padEnd(widths[0])}  ${figure.padEnd(widths[1])}  ${goal}`);
  }
  for (const { name, places = [], met } of measures) {
    if (met || places.length === 0) continue;
    console.log(`\n${name}:`);
    for (const place of places) console.log(`  ${place}`);
  }
}
