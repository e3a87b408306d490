import { describe, expect, test } from 'vitest';
import { windowsFor } from '../state/url';
import { begunMs, hasValues, joined, lastMs, Samples, thinned, toCsv } from './samples';

function samplesOf(...points: [number, number][]) {
  const samples = new Samples();
  for (const [time, value] of points) samples.push(time, value);
  return samples;
}

describe('samples', () => {
  test('stay in order', () => {
    const samples = samplesOf([10, 1], [20, 2], [15, 9], [20, 3]);
    samples.prepend([
      [5, 0],
      [1, -1],
      [10, 9],
    ]);
    expect(samples.times).toEqual([1, 5, 10, 20]);
    expect(samples.values).toEqual([-1, 0, 1, 3]);
  });

  test('in short', () => {
    const samples = samplesOf([1, 4], [2, 8], [3, 6], [9, 100]);
    expect(samples.summary(1, 3)).toEqual({ last: 6, least: 4, most: 8, mean: 6, count: 3 });
    expect(samples.summary(4, 8)).toBeNull();
  });

  test('do not grow without end', () => {
    const samples = new Samples();
    for (let i = 0; i < 200_000; i++) samples.push(i, i);
    expect(samples.times.length).toBeLessThanOrEqual(55_000);
    expect(samples.values.at(-1)).toBe(199_999);
  });
});

test('whether there is anything in a part of time, and where the last is', () => {
  const series = [samplesOf([10, 1], [20, 2]), new Samples(), samplesOf([15, 1])];
  const parts: [number, number][] = [[0, 9], [0, 10], [11, 14], [16, 30], [21, 30]];
  expect(parts.map((part) => hasValues(series, part))).toEqual([false, true, false, true, false]);
  expect(lastMs(series)).toBe(20);
  expect(lastMs([new Samples()])).toBeNull();
});

describe('windows of time', () => {
  const hour = 3600;
  test('longer than the server remembers are there when the page has been open for long enough, or when they were asked for', () => {
    expect(windowsFor(0, 900)).toEqual([60, 300, 900, hour]);
    expect(windowsFor(hour + 60, 900)).toEqual([60, 300, 900, hour]);
    expect(windowsFor(1.5 * hour, 900)).toEqual([60, 300, 900, hour, 6 * hour]);
    expect(windowsFor(9 * hour, 900)).toEqual([60, 300, 900, hour, 6 * hour, 24 * hour]);
    expect(windowsFor(0, 24 * hour)).toEqual([60, 300, 900, hour, 24 * hour]);
  });

  test('begin with the first number of all series', () => {
    expect(begunMs([samplesOf([5, 1]), new Samples(), samplesOf([3, 1])])).toBe(3);
    expect(begunMs([new Samples()])).toBeNull();
  });
});

describe('thinning', () => {
  test('few samples stay as they are, with one beyond each edge', () => {
    const samples = samplesOf([1, 1], [2, 2], [3, 3], [4, 4], [5, 5]);
    expect(thinned(samples, 3, 4, 100).times).toEqual([2, 3, 4]);
    expect(thinned(samples, 2.5, 3.5, 100).times).toEqual([2, 3, 4]);
  });

  test('keeps peaks', () => {
    const samples = new Samples();
    for (let i = 0; i < 10_000; i++) samples.push(i, i === 5_432 ? 99 : Math.sin(i));
    const thin = thinned(samples, 0, 10_000, 100);
    expect(thin.times.length).toBeLessThanOrEqual(202);
    expect(Math.max(...thin.values)).toBe(99);
    expect(thin.times).toEqual([...thin.times].sort((a, b) => a - b));
  });
});

test('several series over one list of times', () => {
  const series = [
    { times: [1, 3], values: [10, 30] },
    { times: [2, 3], values: [200, 300] },
  ];
  expect(joined(series)).toEqual([
    [1, 2, 3],
    [10, undefined, 30],
    [undefined, 200, 300],
  ]);
});

test('CSV, with names that are no formulas', () => {
  const csv = toCsv(['=a', 'b "c", d'], [
    { times: [0], values: [1.5] },
    { times: [1000], values: [2] },
  ]);
  expect(csv).toBe(
    'time,\'=a,"b ""c"", d"\r\n1970-01-01T00:00:00.000Z,1.5,\r\n1970-01-01T00:00:01.000Z,,2\r\n',
  );
});
