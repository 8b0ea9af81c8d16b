/**
 * The address that a Location or Link names, seen from the request that it answers. Nothing in it is decoded, folded or
 * sorted, as a URL parser would: queries are signed. Only a fragment goes, since it can't be sent, and the `./` and `../` that
 * a relative path begins with, which say where it is.
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

/** `folder` ends with a slash, if it isn't empty. More `../` than it has folders stay at its root. */
function fromFolder(folder: string, target: string): string {
  const [, dots = '', rest = ''] = /^(\.\.?)(?:\/|(?=[?])|$)(.*)$/s.exec(target) ?? [];
  if (dots === '') return folder + target;
  const above = folder.slice(0, folder.lastIndexOf('/', folder.length - 2) + 1);
  return fromFolder(dots === '.' ? folder : above === '' ? folder : above, rest);
}
