import type { JobSnapshot } from '../api/types';

const JOB_ID = /^[0-9a-f]{12}$/;

/** Whether `value` may name a job: nothing else goes into an address, or into a kernel. */
export function isJobId(value: unknown): value is string {
  return typeof value === 'string' && JOB_ID.test(value);
}

type Kind = 'string' | 'number' | 'object' | 'array';

/** What the card reads without asking whether it is there. */
const SHAPE: Readonly<Record<string, Kind>> = {
  name: 'string',
  target: 'string',
  state: 'string',
  reason: 'string',
  attempt: 'number',
  created_at: 'number',
  updated_at: 'number',
  progress: 'array',
  notes: 'array',
  metrics: 'object',
  resources: 'object',
  links: 'object'
};

/**
 * The snapshot that a notebook stores; null where `value` is none. A notebook may come from a stranger, and a cell can
 * display whatever it likes under the card's MIME type.
 */
export function storedSnapshot(value: unknown): JobSnapshot | null {
  if (!isObject(value) || !isJobId(value.id)) {
    return null;
  }
  const { metrics } = value;
  const isWhole =
    Object.entries(SHAPE).every(([key, kind]) => isOfKind(value[key], kind)) &&
    isObject(metrics) &&
    Object.values(metrics).every(series => isObject(series) && Array.isArray(series.points));
  return isWhole ? (value as unknown as JobSnapshot) : null;
}

function isOfKind(value: unknown, kind: Kind): boolean {
  switch (kind) {
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    default:
      return typeof value === kind;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
