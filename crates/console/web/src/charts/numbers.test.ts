import { expect, test } from 'vitest';
import { topicSearch } from '../topics/filter';
import { TopicTree } from '../topics/tree';
import { closedBeginning, numbersSeen, stable } from './numbers';

const bytes = (text: string) => new TextEncoder().encode(text);

function treeOf(known: Record<string, string>): TopicTree {
  const tree = new TopicTree();
  for (const [index, [topic, text]] of Object.entries(known).entries()) {
    const payload = bytes(text);
    tree.know(topic, 1_700_000_000_000 + index, false, { payload, payloadBytes: payload.length });
  }
  return tree;
}

const names = (found: { topic: string; path: string }[]) => found.map((one) => `${one.topic} ${one.path}`.trim());

test('numbers that only the server remembers are offered, in JSON too', () => {
  const tree = treeOf({ a: '21.5', b: '{"air":{"temperature":20},"name":"x"}', c: 'closed', $SYS: '1' });
  expect(numbersSeen(tree.allTopics(), null)).toEqual([
    { topic: 'a', path: '', value: 21.5 },
    { topic: 'b', path: 'air.temperature', value: 20 },
  ]);
  expect(names(numbersSeen(tree.allTopics(), topicSearch('$SYS')))).toEqual(['$SYS']);
});

test('of JSON that is cut off there is what its beginning says', () => {
  expect(closedBeginning('{"a":{"b":1,"c":"x,\\",{"},"d":[1,{"e":2,"f":12')).toBe('{"a":{"b":1,"c":"x,\\",{"},"d":[1,{"e":2}]}');
  expect(closedBeginning('{"a":1')).toBe('');
  const tree = new TopicTree();
  tree.know('long', 1, false, { payload: bytes('{"air":{"temperature":20.5,"name":"' + 'x'.repeat(40)), payloadBytes: 5000 });
  expect(numbersSeen(tree.allTopics(), null)).toEqual([{ topic: 'long', path: 'air.temperature', value: 20.5 }]);
});

test('what comes now goes before what is silent, and texts take the place of none', () => {
  const many = Array.from({ length: 500 }, (_, index): [string, string] => [`text/${index}`, 'closed']);
  const silent = Array.from({ length: 200 }, (_, index): [string, string] => [`silent/${index}`, '1']);
  const tree = treeOf({ old: '1', ...Object.fromEntries([...many, ...silent]) });
  expect(numbersSeen(tree.allTopics(), null)).toHaveLength(60);
  expect(names(numbersSeen(tree.allTopics(), null))).not.toContain('old');
  tree.arrive({ topic: 'old', payload: bytes('2'), isRetained: null, count: 1, timeMs: 1_700_000_000_000 });
  tree.tick(1);
  expect(names(numbersSeen(tree.allTopics(), null))).toContain('old');
});

test('what is there stays at its place, and what is new comes behind it', () => {
  const one = (topic: string, value: number) => ({ topic, path: '', value });
  expect(stable([one('b', 1), one('c', 1)], [one('a', 2), one('b', 2)])).toEqual([one('b', 2), one('c', 1), one('a', 2)]);
});
