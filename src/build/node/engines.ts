/** The majors of Node with long support, newest first. */
const supported = [26, 24, 22, 20, 18] as const;

/**
 * Returns the newest major of Node with long support that `engines.node` of a package.json permits; undefined if it permits
 * none, or is no range.
 * @see https://github.com/npm/node-semver#ranges
 */
export function majorOf(range: string): number | undefined {
  const alternatives = range.split('||').map((alternative) => comparatorsOf(alternative));
  return supported.find((major) =>
    alternatives.some((comparators) => comparators?.every((permits) => permits(major)) === true),
  );
}

/** Whether a comparator permits some version of a major. */
type Permits = (major: number) => boolean;

const comparator =
  /^(>=|<=|>|<|=|\^|~>?)?\s*v?(\d+|[xX*])(?:\.(\d+|[xX*]))?(?:\.(\d+|[xX*]))?(?:[-+][\w.+-]*)?$/;

/** Returns the comparators of an alternative, all of which must permit a version; undefined if it is malformed. */
function comparatorsOf(text: string): readonly Permits[] | undefined {
  const words = text
    .split(/\s/)
    .filter((word) => word !== '')
    .join(' ');
  if (words === '' || words === '*') return [];
  const [from, to, more] = words.split(' - ');
  if (from !== undefined && to !== undefined)
    return more === undefined ? every([permitsOf(`>=${from}`), permitsOf(`<=${to}`)]) : undefined;
  // An operator may stand apart from its version.
  const joined = words.replace(/([<>=^~]) /g, '$1');
  return every(joined.split(' ').map(permitsOf));
}

function every(permits: readonly (Permits | undefined)[]): readonly Permits[] | undefined {
  const known = permits.filter((one) => one !== undefined);
  return known.length === permits.length ? known : undefined;
}

function permitsOf(text: string): Permits | undefined {
  const [, operator = '', first = '', minor = 'x', patch = 'x'] = comparator.exec(text) ?? [];
  if (first === '') return undefined;
  if (!/\d/.test(first)) return () => true;
  const wanted = Number(first);
  // A bound at the very beginning of a major, such as <22 or <22.0.0, permits nothing of that major.
  const isStart = Number.isNaN(Number(minor)) || (Number(minor) === 0 && !(Number(patch) > 0));
  switch (operator) {
    case '>=':
      return (major) => major >= wanted;
    case '>':
      return (major) => (Number.isNaN(Number(minor)) ? major > wanted : major >= wanted);
    case '<':
      return (major) => (isStart ? major < wanted : major <= wanted);
    case '<=':
      return (major) => major <= wanted;
    default:
      return (major) => major === wanted;
  }
}
