import { describe, expect, test } from 'vitest';
import { topicSearch } from './filter';
import { ancestors, rowOf, visibleRows } from './rows';
import { PREVIEW_BYTES, TopicTree } from './tree';

const bytes = (text: string) => new TextEncoder().encode(text);

function treeOf(...topics: string[]) {
  const tree = new TopicTree();
  for (const topic of topics) tree.arrive({ topic, payload: bytes('1'), isRetained: null, count: 1, timeMs: 5 });
  return tree;
}
let searches = 0;
const shown = (tree: TopicTree, open: string[] = [], search = '', closed: string[] = []) => {
  const matches = topicSearch(search);
  const asked = matches ? { number: ++searches, matches } : null;
  return visibleRows(tree, new Set(open), asked, new Set(closed)).map((node) => node.topic);
};

test('the keyboard stays at its topic, and at what is above it when that is closed', () => {
  const tree = treeOf('a', 'b/c/d');
  const row = (open: string[], topic: string) => rowOf(visibleRows(tree, new Set(open), null, new Set()), topic);
  expect(row(['b', 'b/c'], 'b/c/d')).toBe(3);
  tree.arrive({ topic: 'aa', payload: bytes('1'), isRetained: null, count: 1, timeMs: 5 });
  expect(row(['b', 'b/c'], 'b/c/d')).toBe(4);
  expect(row(['b'], 'b/c/d')).toBe(3);
  expect(row([], 'b/c/d')).toBe(2);
  expect(row([], 'x/y')).toBe(-1);
});

test('what the server tells of itself is no traffic', () => {
  const tree = new TopicTree();
  const payload = new Uint8Array([49]);
  for (const topic of ['$SYS/broker/uptime', 'a/b']) tree.arrive({ topic, payload, isRetained: null, count: 1, timeMs: 1 });
  tree.tick(1);
  expect([tree.topics, tree.messages, tree.rate]).toEqual([1, 1, 1]);
  expect(tree.get('$SYS')!.rate).toBe(1);
});

describe('the tree', () => {
  test('counts topics and messages up to the root', () => {
    const tree = treeOf('a/b', 'a/b', 'a/c', 'd');
    expect(tree.topics).toBe(3);
    expect(tree.get('a')).toMatchObject({ topicsBelow: 2, messages: 0, isTopic: false });
    expect(tree.get('a/b')).toMatchObject({ topicsBelow: 1, messages: 2, isTopic: true });
    expect(tree.messages).toBe(4);
  });

  test('a sample counts for all it stands for, a Retained Message sent at the beginning for none', () => {
    const tree = new TopicTree();
    tree.arrive({ topic: 'a', payload: bytes('x'), isRetained: true, count: 0, timeMs: 1 });
    expect(tree.get('a')).toMatchObject({ messages: 0, isRetained: true });
    tree.arrive({ topic: 'a', payload: bytes('y'), isRetained: null, count: 9, timeMs: 2 });
    expect(tree.get('a')).toMatchObject({ messages: 9, isRetained: true });
    tree.arrive({ topic: 'a', payload: bytes(''), isRetained: false, count: 1, timeMs: 3 });
    expect(tree.get('a')).toMatchObject({ isRetained: false });
  });

  test('after another connection only that is retained which the server says anew', () => {
    const tree = new TopicTree();
    const replay = (topic: string) => tree.arrive({ topic, payload: bytes('x'), isRetained: true, count: 0, timeMs: 1 });
    ['a', 'b'].forEach(replay);
    tree.forgetAllRetained();
    replay('b');
    expect([tree.get('a')?.isRetained, tree.get('b')?.isRetained]).toEqual([false, true]);
  });

  test('rates come near to what arrives, and go back to nothing', () => {
    const tree = treeOf();
    for (let second = 0; second < 30; second++) {
      for (let i = 0; i < 10; i++) tree.arrive({ topic: 'a/b', payload: bytes(''), isRetained: null, count: 1, timeMs: 0 });
      tree.tick(1);
    }
    expect(tree.get('a')!.rate).toBeCloseTo(10, 0);
    expect(tree.rate).toBeCloseTo(10, 0);
    for (let second = 0; second < 60; second++) tree.tick(1);
    expect(tree.get('a')!.rate).toBe(0);
  });

  test('topics that only the server knows of are there without a value', () => {
    const tree = treeOf('a/b');
    tree.know('a/c', 77, true);
    tree.know('a/b', 1, true);
    expect(tree.topics).toBe(2);
    expect(tree.get('a/c')).toMatchObject({ isTopic: true, payload: null, lastMs: 77, isRetained: true });
    expect(tree.get('a/b')).toMatchObject({ lastMs: 5, isRetained: false });
  });

  test('what the server remembers is a value until another one comes', () => {
    const tree = treeOf('a/b');
    const last = { payload: new TextEncoder().encode('21'), payloadBytes: 5000 };
    tree.know('a/c', 77, false, last);
    tree.know('a/b', 1, false, last);
    expect(tree.get('a/c')).toMatchObject({ payload: last.payload, payloadBytes: 5000, messages: 0 });
    expect(tree.get('a/b')?.payload).not.toEqual(last.payload);
  });

  test('empty levels are levels', () => {
    expect(shown(treeOf('/a/'), ['', '/a'])).toEqual(['', '/a', '/a/']);
  });

  test('a topic with very many levels is a tree with few', () => {
    const tree = treeOf('/'.repeat(60_000));
    expect([...tree.allTopics()].length).toBeLessThan(70);
  });

  test('only the beginning of a long payload is kept', () => {
    const tree = new TopicTree();
    tree.arrive({ topic: 'a', payload: new Uint8Array(1_000_000), isRetained: null, count: 1, timeMs: 1 });
    expect(tree.get('a')!.payload!.length).toBe(PREVIEW_BYTES);
    expect(tree.get('a')!.payloadBytes).toBe(1_000_000);
  });
});

describe('the rows', () => {
  const tree = treeOf('lamp/10', 'lamp/2', '$SYS/x', 'greenhouse/north/door', 'greenhouse/south/door');

  test('are those whose parents are open, numbers by value, $SYS last', () => {
    expect(shown(tree)).toEqual(['greenhouse', 'lamp', '$SYS']);
    expect(shown(tree, ['lamp', 'greenhouse/north'])).toEqual(['greenhouse', 'lamp', 'lamp/2', 'lamp/10', '$SYS']);
  });

  test('of a search are what it found and the way there', () => {
    expect(shown(tree, [], 'north')).toEqual(['greenhouse', 'greenhouse/north', 'greenhouse/north/door']);
    expect(shown(tree, [], '+/+/door', ['greenhouse/north'])).toEqual([
      'greenhouse',
      'greenhouse/north',
      'greenhouse/south',
      'greenhouse/south/door',
    ]);
    expect(shown(tree, [], 'nothing like it')).toEqual([]);
  });

  test('fifty thousand topics', () => {
    const large = treeOf(...Array.from({ length: 50_000 }, (_, i) => `site/${i % 50}/device/${i}`));
    expect(shown(large, ['site', 'site/7', 'site/7/device'])).toHaveLength(1 + 50 + 1 + 1000);
    const found = shown(large, [], '+/+/+/+').length;
    expect(found).toBe(1 + 50 + 50 + 50_000);
  });
});

test('ancestors', () => {
  expect(ancestors('a/b/c')).toEqual(['a', 'a/b']);
  expect(ancestors('/a')).toEqual(['']);
  expect(ancestors('a')).toEqual([]);
});
