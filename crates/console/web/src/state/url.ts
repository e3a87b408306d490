/**
 * What is to be seen, as the part of the address behind `#`, so that it can be sent to a colleague:
 * `#/topics/greenhouse%2Fnorth?view=json`, `#/charts?s=greenhouse/north~air.temperature&s=…&w=900`.
 */

export const PAGES = ['topics', 'charts', 'publish', 'retained', 'clients', 'problems', 'server'] as const;
export type Page = (typeof PAGES)[number];

export interface Route {
  page: Page;
  /** The topic, the Client Identifier or the part of the page; empty if there is none. */
  item: string;
  query: [string, string][];
}

export function parseRoute(hash: string): Route {
  const text = hash.replace(/^#?\/?/, '');
  const question = text.indexOf('?');
  const path = question < 0 ? text : text.slice(0, question);
  const slash = path.indexOf('/');
  const name = slash < 0 ? path : path.slice(0, slash);
  const page = PAGES.find((known) => known === name);
  if (page === undefined) return { page: 'topics', item: '', query: [] };
  return {
    page,
    item: slash < 0 ? '' : decode(path.slice(slash + 1)),
    query: question < 0 ? [] : parseQuery(text.slice(question + 1)),
  };
}

export function formatRoute(route: Route): string {
  const item = route.item === '' ? '' : '/' + encode(route.item);
  const query = route.query.map(([key, value]) => `${encode(key)}=${encode(value)}`).join('&');
  return `#/${route.page}${item}${query === '' ? '' : '?' + query}`;
}

export function queryValue(route: Route, key: string): string | null {
  return route.query.find(([name]) => name === key)?.[1] ?? null;
}

/** The route with a value of its query replaced, or without it where the value is null or empty. */
export function withQuery(route: Route, key: string, value: string | null): Route {
  const query = route.query.filter(([name]) => name !== key);
  return { ...route, query: value === null || value === '' ? query : [...query, [key, value]] };
}

function parseQuery(text: string): [string, string][] {
  const pairs = text.split('&').filter((pair) => pair !== '');
  return pairs.map((pair) => {
    const equals = pair.indexOf('=');
    return equals < 0 ? [decode(pair), ''] : [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))];
  });
}

/** Slashes stay readable; a lone half of a surrogate pair, which `encodeURIComponent` refuses, becomes U+FFFD. */
function encode(text: string): string {
  return encodeURIComponent(text.replace(/[\ud800-\udfff]/gu, '\ufffd')).replaceAll('%2F', '/');
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// ------------------------------------------------------------------------------------------------ charts

export interface DrawnSeries {
  topic: string;
  /** The path in the JSON payload; empty if the payload itself is the number. */
  path: string;
  axis: 'left' | 'right';
}

export interface ChartState {
  series: DrawnSeries[];
  /** The last so many seconds; null: as many as `windowOf` says, as nobody has chosen. */
  windowS: number | null;
  /** A fixed part of time, in ms, instead of that. */
  range: [number, number] | null;
}

export const WINDOWS_S = [60, 300, 900, 3600, 21_600, 86_400];
export const MOST_SERIES = 12;

/** What a server remembers. Longer windows are filled by a page that stays open. */
export const REMEMBERED_S = 3600;

/** Nobody gets a longer one without having chosen it, unless all that there is is older. */
const UNCHOSEN_S = 900;

/** The window that is shown: the chosen one, or else the shortest that has all numbers in it, so that the first ones are no speck at its edge. */
export function windowOf({ windowS }: ChartState, oldestS: number, newestS: number): number {
  const wantedS = Math.min(oldestS, Math.max(newestS * 1.25, UNCHOSEN_S));
  return windowS ?? windowThatHas(wantedS) ?? UNCHOSEN_S;
}

/** The shortest window that goes back so far; null where none does. */
export const windowThatHas = (agoS: number): number | null => WINDOWS_S.find((one) => one >= agoS) ?? null;

/** Windows that show something that a shorter one does not, where the oldest number is so old; and the one that is shown. */
export function windowsFor(oldestS: number, chosenS: number): number[] {
  const showsMore = (index: number) => oldestS > WINDOWS_S[index - 1]! * 1.25;
  return WINDOWS_S.filter((one, index) => one <= REMEMBERED_S || one === chosenS || showsMore(index));
}

export function chartStateOf(route: Route): ChartState {
  const series: DrawnSeries[] = [];
  for (const [key, value] of route.query) {
    const axis = key === 's' ? 'left' : key === 'r' ? 'right' : null;
    if (axis === null || series.length >= MOST_SERIES) continue;
    const one = { ...splitSeries(value), axis } as const;
    if (one.topic !== '' && !series.some((other) => sameSeries(other, one))) series.push(one);
  }
  const windowS = Number(queryValue(route, 'w'));
  const [from, to] = (queryValue(route, 't') ?? '').split('-').map(Number);
  const hasRange = from !== undefined && to !== undefined && from > 0 && to > from && to < 8.64e15;
  return {
    series,
    windowS: WINDOWS_S.includes(windowS) ? windowS : null,
    range: hasRange ? [from, to] : null,
  };
}

export function chartRoute(state: ChartState): Route {
  const query: [string, string][] = state.series.map((one) => [one.axis === 'left' ? 's' : 'r', joinSeries(one)]);
  if (state.windowS !== null) query.push(['w', String(state.windowS)]);
  if (state.range) query.push(['t', state.range.map(Math.round).join('-')]);
  return { page: 'charts', item: '', query };
}

export const sameSeries = (one: { topic: string; path: string }, other: { topic: string; path: string }) =>
  one.topic === other.topic && one.path === other.path;

/** Topic and path with `~` between them; a `~` of the topic is doubled. */
export function joinSeries(series: { topic: string; path: string }): string {
  const topic = series.topic.replaceAll('~', '~~');
  return series.path === '' ? topic : `${topic}~.${series.path}`;
}

function splitSeries(text: string): { topic: string; path: string } {
  for (let at = text.indexOf('~'); at >= 0; at = text.indexOf('~', at)) {
    if (text[at + 1] === '.') return { topic: text.slice(0, at).replaceAll('~~', '~'), path: text.slice(at + 2) };
    at += 2;
  }
  return { topic: text.replaceAll('~~', '~'), path: '' };
}
