import { ContentError, UnsupportedError } from '../errors.ts';
import { joinedPath, linkTarget, parentPath, shownPath, statsOf } from './disk.ts';

/** The number of symbolic links in one path after which Linux gives up. */
const maxLinks = 40;

/** The end of a path, with every symbolic link on the way. */
export interface Resolved {
  /** The path without symbolic links. The file need not exist. */
  readonly path: string;
  /** The paths of the symbolic links, in the order in which they were followed. */
  readonly links: readonly string[];
}

/**
 * Follows the symbolic links of a path below `root`, as the kernel will in the image. `place` is the path of the root in the image,
 * if it is known: an absolute target counts from there.
 * @throws UNSUPPORTED when a link leads out of the root, naming the link
 * @throws MANIFEST_INVALID when links lead to one another without an end
 */
export function resolveInside(root: string, path: string, place?: string): Resolved {
  const links: string[] = [];
  const todo = path.split('/').toReversed();
  let at = '';
  for (let part = todo.pop(); part !== undefined; part = todo.pop()) {
    if (part === '' || part === '.') continue;
    if (part === '..') {
      if (at === '') throw leaving(root, path);
      at = parentPath(at);
      continue;
    }
    const next = joinedPath(at, part);
    if (statsOf(root, next)?.isSymbolicLink() !== true) {
      at = next;
      continue;
    }
    links.push(next);
    if (links.length > maxLinks)
      throw new ContentError(
        'MANIFEST_INVALID',
        `the symbolic links of ${shownPath(root, path)} lead to one another without an end`,
      );
    const target = linkTarget(root, next);
    const below = target.startsWith('/') ? belowPlace(target, place) : target;
    if (below === undefined || /^[A-Za-z]:[\\/]/.test(target)) throw leaving(root, path);
    if (below !== target) at = '';
    todo.push(...below.split('/').toReversed());
  }
  return { path: at, links };
}

/** Returns the part of an absolute path behind the place of the root in the image. */
function belowPlace(target: string, place: string | undefined): string | undefined {
  if (place === undefined) return undefined;
  const start = place === '' ? '/' : `/${place}/`;
  return `${target}/`.startsWith(start) ? `${target}/`.slice(start.length) : undefined;
}

function leaving(root: string, link: string): UnsupportedError {
  const target = statsOf(root, link)?.isSymbolicLink() === true ? ` -> ${linkTarget(root, link)}` : '';
  return new UnsupportedError(
    'build',
    `the symbolic link ${shownPath(root, link)}${target} leads out of ${root}, so it would lead nowhere in the image: copy its target into the folder (npm install --install-links, pnpm deploy), or list the link in .dockerignore`,
  );
}
