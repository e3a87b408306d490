import { describe, expect, test } from 'vitest';
import { changedPart, diffLines } from './diff';

const signs = { same: ' ', added: '+', removed: '-' };
const shown = (before: string, after: string) =>
  diffLines(before.replaceAll(' ', '\n'), after.replaceAll(' ', '\n')).map((line) => signs[line.kind] + line.text);

describe('lines', () => {
  test('that are the same', () => expect(shown('a b', 'a b')).toEqual([' a', ' b']));
  test('one changed', () => expect(shown('a b c', 'a x c')).toEqual([' a', '-b', '+x', ' c']));
  test('one more, one less', () => {
    expect(shown('a c', 'a b c')).toEqual([' a', '+b', ' c']);
    expect(shown('a b c', 'a c')).toEqual([' a', '-b', ' c']);
  });
  test('as many came as went: in pairs', () => expect(shown('a b', 'x y')).toEqual(['-a', '+x', '-b', '+y']));
  test('several places', () => {
    expect(shown('a b c d e f', 'a x c d y f')).toEqual([' a', '-b', '+x', ' c', ' d', '-e', '+y', ' f']);
  });

  test('whatever they are, the sides come out again', () => {
    let seed = 7;
    const random = (below: number) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
    for (let round = 0; round < 300; round++) {
      const make = () => Array.from({ length: random(12) + 1 }, () => 'abc'[random(3)]!).join('\n');
      const [before, after] = [make(), make()];
      const lines = diffLines(before, after);
      const side = (without: string) => lines.filter((line) => line.kind !== without).map((line) => line.text).join('\n');
      expect(side('added')).toBe(before);
      expect(side('removed')).toBe(after);
    }
  });

  test('very many that differ are replaced as a whole', () => {
    const before = Array.from({ length: 5000 }, (_, i) => `a${i}`).join('\n');
    const after = Array.from({ length: 5000 }, (_, i) => `b${i}`).join('\n');
    expect(diffLines(before, after)).toHaveLength(10_000);
  });
});

test('the part of a line that changed', () => {
  expect(changedPart('"t": 21.4,', '"t": 21.57,')).toEqual({ start: 8, beforeEnd: 9, afterEnd: 10 });
  expect(changedPart('aa', 'aaa')).toEqual({ start: 2, beforeEnd: 2, afterEnd: 3 });
});
