/** The name that a source has in a `%%cloudprep` cell: the file's or folder's own, as Python writes names. */
export function sourceName(uri: string): string {
  const last = decoded(uri.replace(/\/+$/, '').split('/').pop() ?? '');
  const stem = last.replace(/\.gz$/i, '').replace(/\.[A-Za-z0-9]+$/, '');
  const name = stem.replace(/[^A-Za-z0-9_]+/g, '_').replace(/^_+|_+$/g, '');
  return /^[A-Za-z]/.test(name) ? name.toLowerCase() : 'data';
}

/** The text that names the data in code: the path of a file of this machine, else the URI. */
export function placeOf(item: { uri: string; path: string | null }): string {
  return item.path ?? (item.uri.startsWith('file://') ? decoded(item.uri.slice(7)) : item.uri);
}

/** A cell that begins to prepare it. */
export function prepCell(item: { uri: string; path: string | null }): string {
  const name = sourceName(item.uri);
  const place = placeOf(item);
  const word = /^[\w@%+=:,./~-]+$/.test(place) ? place : `'${place.replace(/'/g, `'"'"'`)}'`;
  return `%%cloudprep --source ${name}=${word} -n 10\nSELECT * FROM ${name}`;
}

/** The same as a Python string. */
export function pythonString(text: string): string {
  return `"${text.replace(/[\\"]/g, '\\$&')}"`;
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
