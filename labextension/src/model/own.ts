/** What `record` itself holds under `name`: a metric may be called `constructor`, and every object has one. */
export function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}
