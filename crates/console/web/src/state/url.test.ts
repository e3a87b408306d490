import { describe, expect, test } from 'vitest';
import { chartRoute, chartStateOf, formatRoute, parseRoute, windowOf, withQuery, type ChartState, type Route } from './url';

const routes: Route[] = [
  { page: 'topics', item: '', query: [] },
  { page: 'topics', item: 'greenhouse/north/temperature', query: [['view', 'json']] },
  { page: 'topics', item: '/', query: [] },
  { page: 'topics', item: 'a?b#c%d&e=f/温室 \u202e', query: [['q', 'x&y=z+#']] },
  { page: 'clients', item: 'a/b', query: [] },
];
test.each(routes)('%j there and back', (route) => {
  expect(parseRoute(formatRoute(route))).toEqual(route);
});

test('addresses that are none lead to the first page', () => {
  expect(parseRoute('')).toEqual({ page: 'topics', item: '', query: [] });
  expect(parseRoute('#/nowhere/x?y')).toEqual({ page: 'topics', item: '', query: [] });
  expect(parseRoute('#/topics/%zz').item).toBe('%zz');
});

test('half a character does no harm', () => {
  expect(formatRoute({ page: 'topics', item: 'a\ud800', query: [] })).toBe('#/topics/a%EF%BF%BD');
});

test('one value of a query', () => {
  const route = parseRoute('#/retained?filter=a&x=1');
  expect(formatRoute(withQuery(route, 'filter', 'b/#'))).toBe('#/retained?x=1&filter=b/%23');
  expect(formatRoute(withQuery(route, 'filter', null))).toBe('#/retained?x=1');
});

describe('charts', () => {
  const states: ChartState[] = [
    { series: [], windowS: null, range: null },
    { series: [{ topic: 'a/b', path: '', axis: 'left' }], windowS: 3600, range: null },
    {
      series: [
        { topic: 'a~b/~.c/~~', path: 'x\\.y.0~.z', axis: 'left' },
        { topic: 'a~b/~.c/~~', path: '', axis: 'right' },
      ],
      windowS: 60,
      range: [1_700_000_000_000, 1_700_000_060_000],
    },
  ];
  test.each(states)('%j there and back', (state) => {
    expect(chartStateOf(parseRoute(formatRoute(chartRoute(state))))).toEqual(state);
  });

  test('what makes no sense is left out', () => {
    const state = chartStateOf(parseRoute('#/charts?s=&s=a&s=a&w=7&t=9-3&u'));
    expect(state).toEqual({ series: [{ topic: 'a', path: '', axis: 'left' }], windowS: null, range: null });
  });

  test('the window is the chosen one, or else the shortest that has what there is', () => {
    const unchosen: ChartState = { series: [], windowS: null, range: null };
    expect(windowOf({ ...unchosen, windowS: 300 }, 5000, 4000)).toBe(300);
    const shown = [[0, 0], [61, 1], [301, 1], [3500, 1], [3500, 1000], [90_000, 86_000]].map(([oldestS, newestS]) => windowOf(unchosen, oldestS!, newestS!));
    expect(shown).toEqual([60, 300, 900, 900, 3600, 900]);
  });

  test('very many series are not drawn', () => {
    const many = Array.from({ length: 100 }, (_, i) => `s=t${i}`).join('&');
    expect(chartStateOf(parseRoute('#/charts?' + many)).series).toHaveLength(12);
  });
});
