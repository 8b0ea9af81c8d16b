/**
 * The address that a Location or Link names, seen from the request that it answers. Nothing in it is decoded, folded or
 * sorted, as a URL parser would: queries are signed. Only a fragment goes, since it can't be sent.
 */
export function resolveLocation(location: string, requestUrl: string): string {
  const [target = ''] = location.trim().split('#', 1);
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(target)) return target;
  const [, scheme = '', authority = '', path = ''] =
    /^([a-z][a-z0-9+.-]*:)?(\/\/[^/?#]*)?([^?#]*)/i.exec(requestUrl) ?? [];
  if (target.startsWith('//')) return scheme + target;
  if (target.startsWith('/')) return scheme + authority + target;
  if (target === '' || target.startsWith('?')) return scheme + authority + path + target;
  return `${scheme}${authority}${path.slice(0, path.lastIndexOf('/') + 1)}${target}`;
}
