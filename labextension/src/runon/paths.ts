/**
 * The path of a notebook as Lab's contents know it, of the path that its kernel was told.
 *
 * @param path - Absolute where the kernel was started for a notebook of this server; a relative one stays as it is.
 * @param serverRoot - The page's option of that name: absolute, or with `~` for the user's home, which Lab cannot know.
 */
export function contentsPath(path: string, serverRoot: string): string {
  const slashed = path.replace(/\\/g, '/');
  if (!/^(\/|[A-Za-z]:\/)/.test(slashed)) {
    return slashed;
  }
  const root = serverRoot.replace(/\\/g, '/').replace(/\/+$/, '');
  if (!root.startsWith('~')) {
    return slashed.startsWith(`${root}/`) ? slashed.slice(root.length + 1) : slashed;
  }
  const home = /^(?:[A-Za-z]:)?(?:\/root|\/home\/[^/]+|\/Users\/[^/]+)(?=\/)/.exec(slashed)?.[0];
  const below = `${home ?? ''}${root.slice(1)}/`;
  const at = home === undefined && root !== '~' ? slashed.indexOf(below) : 0;
  return at >= 0 && slashed.startsWith(below, at) ? slashed.slice(at + below.length) : slashed;
}
