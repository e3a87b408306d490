import { expect, test } from 'vitest';
import { filterFault, filterMatches, topicFault, topicSearch } from './filter';

const pairs: [filter: string, topic: string, matches: boolean][] = [
  ['a/b', 'a/b', true],
  ['a/b', 'a/b/c', false],
  ['a/b', 'a', false],
  ['#', 'a/b/c', true],
  ['a/#', 'a', true],
  ['a/#', 'a/b/c', true],
  ['a/#', 'ab', false],
  ['+', 'a', true],
  ['+', '/a', false],
  ['+/+', '/a', true],
  ['/+', '/a', true],
  ['a/+/c', 'a/b/c', true],
  ['a/+/c', 'a//c', true],
  ['a/+', 'a', false],
  ['a/+', 'a/', true],
  ['#', '$SYS/x', false],
  ['+/x', '$SYS/x', false],
  ['$SYS/#', '$SYS/x', true],
];
test.each(pairs)('%s and %s: %s', (filter, topic, matches) => {
  expect(filterMatches(filter, topic)).toBe(matches);
});

const faults: [string, string | null][] = [
  ['a/+/b/#', null],
  ['#', null],
  ['/', null],
  ['', 'empty'],
  ['a/#/b', 'hashNotLast'],
  ['a#', 'wildcardInLevel'],
  ['a/b+', 'wildcardInLevel'],
  ['a\0', 'nul'],
  ['é'.repeat(40_000), 'tooLong'],
];
test.each(faults)('the filter %s: %s', (filter, fault) => {
  expect(filterFault(filter)).toBe(fault);
});

test('a topic has no wildcards', () => {
  expect(topicFault('a/b')).toBeNull();
  expect(topicFault('a/+')).toBe('wildcardInTopic');
});

test('searching: a part in whatever case, or a filter', () => {
  expect(topicSearch('  ')).toBeNull();
  expect(topicSearch('NORTH')!('greenhouse/north/door')).toBe(true);
  expect(topicSearch('+/north/#')!('greenhouse/north/door')).toBe(true);
  expect(topicSearch('north/#')!('greenhouse/north/door')).toBe(false);
  expect(topicSearch('a+')!('x/a+b')).toBe(true);
});
