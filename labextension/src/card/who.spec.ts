import { jobSnapshot } from '../testing/snapshots';
import { whoShows } from './who';

const FACTS: Parameters<typeof whoShows>[0] = {
  marks: { output: 'live', attempt: 1 },
  snapshot: jobSnapshot(),
  isPlayed: false,
  isInCell: true,
  hasServer: true,
  isUnknown: false
};

it('leaves the output to the cell while the kernel plays it', () => {
  expect(whoShows({ ...FACTS, isPlayed: true })).toBe('cell');
});

it('shows the output in the card when nobody plays it: after a reload, a restart, or when the user detached', () => {
  expect(whoShows(FACTS)).toBe('card');
  expect(whoShows({ ...FACTS, snapshot: jobSnapshot({ state: 'SUCCEEDED' }) })).toBe('card');
});

it('leaves the output to a cell that has all of it, until the job is tried again', () => {
  const marks = { output: 'whole', attempt: 1 } as const;
  const ended = jobSnapshot({ state: 'FAILED' });
  expect(whoShows({ ...FACTS, marks, snapshot: ended })).toBe('cell');
  expect(whoShows({ ...FACTS, marks, snapshot: jobSnapshot({ attempt: 2 }) })).toBe('card');
});

it('leaves what is stored alone where there is no server, or it knows no such job', () => {
  expect(whoShows({ ...FACTS, hasServer: false })).toBe('cell');
  expect(whoShows({ ...FACTS, isUnknown: true })).toBe('cell');
});

it('arranges no outputs in a clone of them', () => {
  expect(whoShows({ ...FACTS, isInCell: false })).toBe('cell');
});

it('shows no output with a mere picture of a job', () => {
  expect(whoShows({ ...FACTS, marks: {} })).toBe('nowhere');
});
