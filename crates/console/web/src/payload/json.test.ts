import { describe, expect, test } from 'vitest';
import {
  JsonError,
  lineAndColumn,
  nodeAt,
  numberOf,
  pathOf,
  prettyJson,
  readJson,
  scalarText,
  splitPath,
  tryJson,
} from './json';

describe('reading', () => {
  const good = ['1', '-0.5e+3', '"a\\u00e9\\n"', 'true', 'null', '[]', '{}', ' [1, [2, []], {"a": {}}] ', '{"a":1,"b":[1,2,3]}'];
  test.each(good)('%s is read as JSON.parse reads it', (text) => {
    expect(JSON.parse(prettyJson(readJson(text)))).toEqual(JSON.parse(text));
  });

  const bad: [string, string, number][] = [
    ['', 'unexpectedEnd', 0],
    ['{', 'unexpectedEnd', 1],
    ['[1', 'unexpectedEnd', 2],
    ['[1 2]', 'expectedCommaOrEnd', 3],
    ['[1,]', 'expectedValue', 3],
    ['{"a" 1}', 'expectedColon', 5],
    ['{a:1}', 'expectedName', 1],
    ['{"a":1,}', 'expectedName', 7],
    ['"a', 'unexpectedEnd', 2],
    ['"a\nb"', 'badString', 2],
    ['"\\x"', 'badEscape', 1],
    ['01', 'badNumber', 1],
    ['1.', 'badNumber', 1],
    ['-', 'badNumber', 0],
    ['1 2', 'afterEnd', 2],
    ['[}', 'expectedValue', 1],
    ['tru', 'expectedValue', 0],
  ];
  test.each(bad)('%j: %s at %d', (text, fault, at) => {
    expect(() => JSON.parse(text)).toThrow();
    try {
      readJson(text);
      expect.unreachable();
    } catch (error) {
      expect(error).toBeInstanceOf(JsonError);
      expect(error).toMatchObject({ fault, at });
    }
  });

  test('numbers keep their digits', () => {
    const document = readJson('{"id": 1234567890123456789}');
    expect(scalarText(document, document.nodes[1]!)).toBe('1234567890123456789');
  });

  test('ten thousand levels', () => {
    const text = '['.repeat(10_000) + '1' + ']'.repeat(10_000);
    const document = readJson(text);
    expect(document.nodes).toHaveLength(10_001);
    expect(prettyJson(document).length).toBeLessThan(2_000_000);
    expect(nodeAt(document, pathOf(document, 10_000))).toBe(10_000);
    expect(tryJson('['.repeat(100_000))).toBeNull();
    expect(tryJson('{"a":'.repeat(10_000))).toBeNull();
  });

  test('a megabyte of small values', () => {
    const document = readJson('[' + Array.from({ length: 100_000 }, (_, i) => `{"n":${i}}`).join(',') + ']');
    expect(document.nodes).toHaveLength(200_001);
    expect(document.nodes[0]!.size).toBe(100_000);
  });
});

describe('paths', () => {
  const document = readJson('{"a.b": {"c\\\\d": [10, true, "x"]}, "e": 1, "e": 2}');

  test('lead to a value and back', () => {
    for (let index = 0; index < document.nodes.length; index++) {
      if (document.nodes[index]!.key === 'e') continue;
      expect(nodeAt(document, pathOf(document, index))).toBe(index);
    }
    const index = nodeAt(document, 'a\\.b.c\\\\d.0');
    expect(numberOf(document, document.nodes[index]!)).toBe(10);
  });

  test('of a name that stands twice the last counts', () => {
    expect(numberOf(document, document.nodes[nodeAt(document, 'e')]!)).toBe(2);
  });

  test('that lead nowhere', () => {
    expect(nodeAt(document, 'nothing')).toBe(-1);
    expect(nodeAt(document, 'e.f')).toBe(-1);
    expect(nodeAt(readJson('[1]'), '1')).toBe(-1);
  });

  test('booleans are one and nought, strings only if they are numbers', () => {
    const values = readJson('[true, false, " -1.5e1", "1 a", "", "0x10", null, 1e999]');
    expect(values.nodes.slice(1).map((node) => numberOf(values, node))).toEqual([1, 0, -15, null, null, null, null, null]);
  });

  test('are split at dots', () => {
    expect(splitPath('a.b\\.c.0')).toEqual(['a', 'b.c', '0']);
    expect(splitPath('')).toEqual([]);
  });
});

test('line and column', () => {
  expect(lineAndColumn('{\n  "a": x', 9)).toEqual({ line: 2, column: 8 });
  expect(lineAndColumn('x', 0)).toEqual({ line: 1, column: 1 });
});
