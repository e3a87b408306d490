/** The page's address: what is seen follows from it, and whoever wants something else to be seen changes it. */

import { computed, signal } from '@preact/signals';
import {
  chartRoute,
  chartStateOf,
  formatRoute,
  parseRoute,
  queryValue,
  withQuery,
  type ChartState,
  type Page,
  type Route,
} from './url';

export const route = signal<Route>(parseRoute(location.hash));
addEventListener('hashchange', () => (route.value = parseRoute(location.hash)));

const CHART_KEYS = new Set(['s', 'r', 'w', 't']);
const hasCharts = (page: Page) => page === 'topics' || page === 'charts';

/** What was drawn last, also while a page without charts is seen. */
let lastChart: ChartState = chartStateOf(route.value);
export const chart = computed<ChartState>(() => {
  if (hasCharts(route.value.page)) lastChart = chartStateOf(route.value);
  return lastChart;
});

/** The address of a page. Between pages with charts what is drawn goes along. */
export function hrefOf(page: Page, item = '', query: [string, string][] = []): string {
  const drawn = hasCharts(page) && chart.value.series.length > 0 ? chartRoute(chart.value).query : [];
  return formatRoute({ page, item, query: [...query.filter(([key]) => !CHART_KEYS.has(key)), ...drawn] });
}

export function go(page: Page, item = '', query: [string, string][] = []) {
  const href = hrefOf(page, item, query);
  if (location.hash !== href) location.hash = href;
}

/** Changes a value of the query without a step back in the browser's history. */
export const setQuery = (key: string, value: string | null) => setQueries({ [key]: value });

/** Changes several at once. */
export function setQueries(values: Record<string, string | null>) {
  replace(Object.entries(values).reduce((before, [key, value]) => withQuery(before, key, value), route.value));
}

export const query = (key: string) => queryValue(route.value, key);

/** Shows another picture: on this page if it has charts, and in the address in any case. */
export function setChart(state: ChartState) {
  lastChart = state;
  if (!hasCharts(route.value.page)) return;
  const others = route.value.query.filter(([key]) => !CHART_KEYS.has(key));
  replace({ ...route.value, query: [...others, ...chartRoute(state).query] });
}

function replace(next: Route) {
  const href = formatRoute(next);
  if (location.hash === href) return;
  history.replaceState(null, '', href);
  route.value = parseRoute(href);
}
