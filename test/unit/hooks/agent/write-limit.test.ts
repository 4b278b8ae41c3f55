/** Which programs are paused in a full home that no file system limits, and how often the home is measured. */
import { maxFilesOf, WriteLimit } from '../../../../hooks/agent/write-limit.ts';
import { FakeProc } from '../../../support/fake-proc.ts';

const MB = 2 ** 20;
const LIMIT = 100 * MB;
let proc: FakeProc;
let limit: WriteLimit;

beforeEach(() => {
  proc = new FakeProc();
  limit = new WriteLimit();
  proc.run(1, { parent: 0, command: 'init' });
  proc.run(10, { parent: 1, command: 'bash' });
  proc.run(20, { parent: 10, command: 'dd' });
});
afterEach(() => proc.remove());

const written = (megabytes: Record<number, number>) =>
  new Map(Object.entries(megabytes).map(([pid, mega]) => [`${pid}:${pid}`, mega * MB]));
const measure = (atMs: number, megabytes: number, files = 10, durationMs = 100) => {
  limit.startMeasurement(atMs);
  limit.endMeasurement(atMs + durationMs, { bytes: megabytes * MB, files });
};
const writers = () => limit.writers(proc.table(), ({ pid }) => pid === 1 || pid === 10).map(({ pid }) => pid);

test('a program that continues to write above the limit is paused, and no other', () => {
  proc.run(30, { parent: 10, command: 'vim' });
  limit.update(written({ 10: 5, 20: 50, 30: 1 }), LIMIT);
  measure(1000, 99);
  expect(limit.isFull(LIMIT)).toBe(false);
  limit.update(written({ 10: 5, 20: 60, 30: 1 }), LIMIT);
  expect(limit.isFull(LIMIT)).toBe(true);
  expect(writers()).toEqual([]);
  limit.update(written({ 10: 5, 20: 64, 30: 1.5 }), LIMIT);
  expect(writers()).toEqual([20]);
});

test('the shell and what else is protected is never paused', () => {
  measure(1000, 101);
  limit.update(written({ 1: 0, 10: 0 }), LIMIT);
  limit.update(written({ 1: 90, 10: 90 }), LIMIT);
  expect(writers()).toEqual([]);
});

test('a new program is paused for what it has written since its start', () => {
  limit.update(written({ 10: 0 }), LIMIT);
  measure(1000, 101);
  limit.update(written({ 10: 0, 20: 2 }), LIMIT);
  expect(writers()).toEqual([20]);
});

test('deleted files make room: nothing is paused any more', () => {
  limit.update(written({ 20: 0 }), LIMIT);
  measure(1000, 101);
  limit.update(written({ 20: 9 }), LIMIT);
  expect(writers()).toEqual([20]);
  measure(3000, 50);
  limit.update(written({ 20: 9 }), LIMIT);
  expect(limit.isFull(LIMIT)).toBe(false);
  expect(writers()).toEqual([]);
});

test('too many files fill the home as well', () => {
  measure(1000, 1, maxFilesOf(LIMIT));
  expect(limit.isFull(LIMIT)).toBe(true);
});

test('what is written while a measurement runs is added to its result', () => {
  limit.update(written({ 20: 0 }), LIMIT);
  measure(1000, 50);
  limit.update(written({ 20: 20 }), LIMIT);
  limit.startMeasurement(2000);
  limit.update(written({ 20: 50 }), LIMIT);
  limit.endMeasurement(2100, { bytes: 71 * MB, files: 10 });
  expect(limit.isFull(LIMIT)).toBe(true);
});

test('a home is measured at once, then rarely, and more often while it fills', () => {
  expect(limit.isMeasurementDue(0, LIMIT)).toBe(true);
  limit.update(written({ 20: 0 }), LIMIT);
  measure(1000, 50, 10, 1000);
  expect(limit.isMeasurementDue(21_000, LIMIT)).toBe(false);
  expect(limit.isMeasurementDue(22_000, LIMIT)).toBe(true);
  limit.update(written({ 20: 30 }), LIMIT);
  expect(limit.isMeasurementDue(5000, LIMIT)).toBe(false);
  expect(limit.isMeasurementDue(6000, LIMIT)).toBe(true);
  limit.startMeasurement(6000);
  expect(limit.isMeasurementDue(90_000, LIMIT)).toBe(false);
});
