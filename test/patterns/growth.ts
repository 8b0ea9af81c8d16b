/** Milliseconds of this process's CPU: what others do to the machine makes them few more. */
function cpu(work: () => void): number {
  const before = process.cpuUsage();
  work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

const least = (work: () => void, runs: number): number =>
  Math.min(...Array.from({ length: runs }, () => cpu(work)));

/** Milliseconds below which nothing is said: what is linear takes a hundredth of it, what is quadratic many times as much. */
const floor = 12;
/** Twice the input may take three times as long; four times is quadratic. */
const mostGrowth = 3;

/** As `floor`, of twice a larger input. */
const waitingFloor = 150;

/**
 * How much longer the work takes on twice the input, where that takes long at all: undefined where it does not, or where it
 * grows no more than it may. Each time is the least of several runs.
 */
export function growth(work: (size: number) => void, size: number): number | undefined {
  if (cpu(() => work(size)) < floor) return undefined;
  const once = least(() => work(size), 3);
  if (once < floor) return undefined;
  // Larger until the start of it no longer counts.
  const twice = least(() => work(2 * size), 3);
  const ratio = twice / once;
  return ratio > mostGrowth ? ratio : undefined;
}

/** The same for work that may wait. */
export async function growthOf(
  work: (size: number) => Promise<unknown>,
  size: number,
): Promise<number | undefined> {
  const once = async (length: number): Promise<number> => {
    const before = process.cpuUsage();
    await work(length);
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  };
  const leastOf = async (length: number): Promise<number> =>
    Math.min(await once(length), await once(length), await once(length));
  if ((await once(2 * size)) < waitingFloor) return undefined;
  const twice = await leastOf(2 * size);
  if (twice < waitingFloor) return undefined;
  const ratio = twice / (await leastOf(size));
  return ratio > mostGrowth ? ratio : undefined;
}
