/** Returns milliseconds of this process's CPU time. Other work of the machine adds little to it. */
function cpu(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/**
 * Milliseconds below which a measurement says nothing: linear work takes a hundredth of it, quadratic work many times
 * as much.
 */
const floor = 12;
/** Doubled input may take three times as long. Four times means quadratic. */
const mostGrowth = 3;
/** Like `floor`, for the doubled input and work that may wait. */
const waitingFloor = 150;
/**
 * The number of runs of either size. A busy machine adds to single runs, so the least of many counts. A linear parser
 * ends this early.
 */
const mostRuns = 12;

/**
 * Returns the ratio of the times for doubled input; undefined if the work is too short to tell, or grows no more than
 * it may. Compares the least times of up to `mostRuns` runs of either size.
 */
export function growth(work: (size: number) => void, size: number): number | undefined {
  if (cpu(() => work(size)) < floor) return undefined;
  let [once, twice, ratio] = [Infinity, Infinity, Infinity];
  for (let run = 0; run < mostRuns && ratio > mostGrowth; run += 1) {
    once = Math.min(
      once,
      cpu(() => work(size)),
    );
    if (once < floor) return undefined;
    twice = Math.min(
      twice,
      cpu(() => work(2 * size)),
    );
    ratio = twice / once;
  }
  return ratio > mostGrowth ? ratio : undefined;
}

/** Does the same for work that may wait. */
export async function growthOf(
  work: (size: number) => Promise<unknown>,
  size: number,
): Promise<number | undefined> {
  const measure = async (length: number): Promise<number> => {
    const before = process.cpuUsage();
    await work(length);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  if ((await measure(2 * size)) < waitingFloor) return undefined;
  let [once, twice, ratio] = [Infinity, Infinity, Infinity];
  for (let run = 0; run < mostRuns && ratio > mostGrowth; run += 1) {
    twice = Math.min(twice, await measure(2 * size));
    if (twice < waitingFloor) return undefined;
    once = Math.min(once, await measure(size));
    ratio = twice / once;
  }
  return ratio > mostGrowth ? ratio : undefined;
}
