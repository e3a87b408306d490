import { describe, expect, test } from 'vitest';
import { en } from './en';
import { browserLanguage, fill, formatBytes, formatDuration, formatRate, formatValue, LANGUAGES, saidIn, saidSentencesIn } from './index';
import { ja } from './ja';
import { ko } from './ko';
import { said as saidJa } from './said_ja';
import { said as saidKo } from './said_ko';

const tables: Record<string, Record<string, string>> = { en, ja, ko };

describe.each(Object.keys(LANGUAGES))('%s', (name) => {
  const table = tables[name]!;

  test('has the same keys as English', () => {
    expect(Object.keys(table).sort()).toEqual(Object.keys(en).sort());
  });

  test('has no empty texts', () => {
    expect(Object.entries(table).filter(([, text]) => text.trim() === '')).toEqual([]);
  });

  test('has the same gaps as English', () => {
    const gaps = (text: string) => [...text.matchAll(/\{(\w+)/g)].map((found) => found[1]).sort();
    for (const [key, text] of Object.entries(en)) expect([key, gaps(table[key]!)]).toEqual([key, gaps(text)]);
  });
});

test('what the server says is known in the same places in each language', () => {
  expect(Object.keys(saidKo)).toEqual(Object.keys(saidJa));
  for (const known of [saidJa, saidKo]) for (const [text, other] of Object.entries(known)) expect(other).not.toBe(text);
});

test('what the server says is told in the language of the user, or as it is', () => {
  const known = { 'exceeded timeout': 'too late' };
  expect(saidIn(known, 'exceeded timeout')).toBe('too late');
  expect(saidIn(known, 'exceeded timeout: keep alive')).toBe('too late: keep alive');
  expect(saidIn(known, 'the disk is full')).toBe('the disk is full');
  expect(saidIn(known, ': exceeded timeout')).toBe(': exceeded timeout');
  expect(saidIn(known, 'constructor')).toBe('constructor');
});

test('several sentences are told one by one, with their numbers', () => {
  const known = { 'Allowed by line {n}.': 'Zeile {n} erlaubt es.', 'More counts.': 'Mehr zählt.' };
  expect(saidSentencesIn(known, 'Allowed by line 14. More counts.')).toBe('Zeile 14 erlaubt es. Mehr zählt.');
  expect(saidSentencesIn(known, 'Denied by line 3. More counts.')).toBe('Denied by line 3. Mehr zählt.');
});

const sources = import.meta.glob<string>(['../**/*.{ts,tsx}', '!../**/*.test.ts', '!./{en,ja,ko,said_ja,said_ko}.ts'], {
  query: '?raw',
  import: 'default',
  eager: true,
});

test('every text is used', () => {
  const text = Object.values(sources).join('\n');
  // Some keys are put together while running: `nav.${page}`.
  const prefixes = [...text.matchAll(/`([a-z]+\.(?:[a-z]+\.)?)\$\{/g)].map((found) => found[1]!);
  const unused = Object.keys(en).filter((key) => !text.includes(`'${key}'`) && !prefixes.some((prefix) => key.startsWith(prefix)));
  expect(unused).toEqual([]);
});

test('gaps are filled', () => {
  expect(fill('{n|topic|topics} of {who}', { n: 1, who: 'ada' })).toBe('1 topic of ada');
  expect(fill('{n|topic|topics} of {who}', { n: 12_345, who: '{n}' })).toBe('12,345 topics of {n}');
  expect(fill('{missing}', {})).toBe('{missing}');
});

test('the language of the browser', () => {
  expect(browserLanguage(['fr-FR', 'ko-KR', 'ja'])).toBe('ko');
  expect(browserLanguage(['fr'])).toBe('en');
});

test('numbers', () => {
  expect([0, 0.01, 0.25, 12.4, 4981.2].map(formatRate)).toEqual(['0', '<0.1', '0.3', '12', '4,981']);
  expect([0, 1023, 1024, 1_500_000, 5e12].map(formatBytes)).toEqual(['0 B', '1,023 B', '1 KiB', '1.4 MiB', '4.5 TiB']);
  expect([40, 5000, 725_000, 3.6e6, 273_600_000].map(formatDuration)).toEqual(['40 ms', '5 s', '12 min 5 s', '1 h', '3 d 4 h']);
  expect([21.5, 1234567.891, 0.000001, 1e20].map(formatValue)).toEqual(['21.5', '1,234,567.891', '1.000e-6', '1.000e+20']);
});
