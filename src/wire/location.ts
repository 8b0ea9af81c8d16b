/**
 * Resolves a Location or Link against the URL of its request. Decodes, folds and sorts nothing, unlike a URL parser,
 * because registries sign queries. Drops only the fragment, which HTTP can't send, and resolves the `./` and `../` at
 * the beginning of a relative path.
 */
export function resolveLocation(location: string, requestUrl: string): string {
  const [target = ''] = location.trim().split('#', 1);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(target)) return target;
  const [, scheme = '', authority = '', path = ''] =
    /^([a-z][a-z0-9+.-]*:)?(\/\/[^/?#]*)?([^?#]*)/i.exec(requestUrl) ?? [];
  if (target.startsWith('//')) return scheme + target;
  if (target.startsWith('/')) return scheme + authority + target;
  if (target === '' || target.startsWith('?')) return scheme + authority + path + target;
  return `${scheme}${authority}${fromFolder(path.slice(0, path.lastIndexOf('/') + 1), target)}`;
}

/** `folder` is empty or ends with a slash. A `../` above the root stays at the root. */
function fromFolder(folder: string, target: string): string {
  const [, dots = '', rest = ''] = /^(\.\.?)(?:\/|(?=[?])|$)(.*)$/s.exec(target) ?? [];
  if (dots === '') return folder + target;
  const above = folder.slice(0, folder.lastIndexOf('/', folder.length - 2) + 1);
  return fromFolder(dots === '.' ? folder : above === '' ? folder : above, rest);
}
