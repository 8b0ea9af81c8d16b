/** Milliseconds of this process's CPU: what others do to the machine makes them few more. */
function cpu(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** Milliseconds below which nothing is said: what is linear takes a hundredth of it, what is quadratic many times as much. */
const floor = 12;
/** Twice the input may take three times as long; four times is quadratic. */
const mostGrowth = 3;
/** As `floor`, of twice a larger input. */
const waitingFloor = 150;
/** Runs of either size. A busy machine adds to single runs, so the least of many tells; a linear parser ends this early. */
const mostRuns = 12;

/**
 * How much longer the work takes on twice the input, where that takes long at all: undefined where it does not, or where it
 * grows no more than it may. Compares the least times of up to `mostRuns` runs of either size.
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

/** The same for work that may wait. */
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
