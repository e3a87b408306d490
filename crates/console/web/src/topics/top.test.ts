import { expect, test } from 'vitest';
import { topBy } from './top';

test('the highest, the highest first; of equals the one that came first', () => {
  const all = ['a1', 'b5', 'c0', 'd3', 'e5', 'f4'];
  expect(topBy(all, 3, (one) => Number(one[1]))).toEqual(['b5', 'e5', 'f4']);
  expect(topBy(all, 99, (one) => Number(one[1]))).toEqual(['b5', 'e5', 'f4', 'd3', 'a1']);
  expect(topBy([], 3, () => 1)).toEqual([]);
});

test('the same as sorting', () => {
  const all = Array.from({ length: 5000 }, (_, index) => ((index * 7919) % 4999) + 1);
  const sorted = [...all].sort((one, other) => other - one).slice(0, 50);
  expect(topBy(all, 50, (one) => one)).toEqual(sorted);
});
