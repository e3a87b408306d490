/** Numbers as pictures. What is drawn stands in the address. */

import { useEffect, useState } from 'preact/hooks';
import { seriesName, toggleSeries, LiveChart } from '../charts/live_chart';
import { formatValue, t } from '../i18n';
import { numberOf, pathOf, tryJson } from '../payload/json';
import { payloadNumber, plain, textOf } from '../payload/text';
import { tree } from '../state/live';
import { chart, setChart } from '../state/route';
import { MOST_SERIES, sameSeries } from '../state/url';
import { topicSearch } from '../topics/filter';
import { topBy } from '../topics/top';
import { PREVIEW_BYTES, type TopicNode } from '../topics/tree';
import { Button, Empty, SearchField } from '../ui/controls';
import { useTick } from '../ui/tick';

interface Found {
  topic: string;
  path: string;
  value: number;
}

const MOST_FOUND = 60;
/** Looking into payloads for numbers must not hold up the page. */
const BUDGET_MS = 12;

/** Numbers that were seen last, those of what comes most often first. */
function numbersSeen(search: string): Found[] {
  const matches = topicSearch(search);
  const start = performance.now();
  const found: Found[] = [];
  const isWanted = (node: TopicNode) => node.payload !== null && node.payload.length < PREVIEW_BYTES && (matches?.(node.topic) ?? node.topic[0] !== '$');
  // What was found by a search is shown even if it is silent.
  const silent = matches ? 1e-9 : 0;
  const nodes = topBy(tree.allTopics(), MOST_FOUND * 2, (node) => (isWanted(node) ? Math.max(node.rate, silent) : 0));
  for (const node of nodes) {
    if (found.length >= MOST_FOUND || performance.now() - start > BUDGET_MS) break;
    const value = payloadNumber(node.payload!);
    if (value !== null) found.push({ topic: node.topic, path: '', value });
    else found.push(...numbersInJson(node.topic, node.payload!));
  }
  return found.slice(0, MOST_FOUND).sort((one, other) => (seriesName(one) < seriesName(other) ? -1 : 1));
}

function numbersInJson(topic: string, payload: Uint8Array): Found[] {
  const text = textOf(payload);
  if (text === null || !/^\s*[[{]/.test(text)) return [];
  const document = tryJson(text);
  if (document === null || document.nodes.length > 200) return [];
  return document.nodes.flatMap((node, index) => {
    const value = node.kind === 'number' ? numberOf(document, node) : null;
    return value === null ? [] : [{ topic, path: pathOf(document, index), value }];
  });
}

export function ChartsPage() {
  const { series } = chart.value;
  const height = Math.max(220, Math.min(innerHeight - 420, 640));
  return (
    <div class="page">
      <header class="page-head">
        <h1>{t('nav.charts')}</h1>
        {series.length > 0 && (
          <Button look="quiet" icon="close" onClick={() => setChart({ ...chart.value, series: [], range: null })}>
            {t('charts.clear')}
          </Button>
        )}
      </header>
      {series.length > 0 ? (
        <div class="card">
          <LiveChart height={height} />
        </div>
      ) : (
        <Empty icon="charts" title={t('charts.none')}>
          <p>{t('charts.noneHint')}</p>
        </Empty>
      )}
      <Numbers />
    </div>
  );
}

/** All numbers that there are, to be drawn with a click. */
function Numbers() {
  const [search, setSearch] = useState('');
  const [found, setFound] = useState<Found[]>([]);
  const { series } = chart.value;
  useTick(2000);
  useEffect(() => {
    const look = () => setFound((before) => stable(before, numbersSeen(search), search));
    look();
    const timer = setInterval(() => !document.hidden && look(), 2000);
    return () => clearInterval(timer);
  }, [search]);
  return (
    <section aria-labelledby="numbers-title">
      <div class="toolbar">
        <h2 id="numbers-title">{t('charts.numbers')}</h2>
        <span class="grow" />
        <SearchField label={t('topics.search')} placeholder={t('topics.searchHint')} value={search} onChange={setSearch} />
      </div>
      {found.length === 0 && <p class="hint">{t('charts.noNumbers')}</p>}
      <ul class="numbers">
        {found.map((one) => {
          const isDrawn = series.some((other) => sameSeries(other, one));
          return (
            <li key={seriesName(one)}>
              <button type="button" aria-pressed={isDrawn} disabled={!isDrawn && series.length >= MOST_SERIES} onClick={() => toggleSeries(one.topic, one.path)}>
                <span class="label">
                  <bdi dir="ltr">{plain(one.topic, 100)}</bdi>
                  {one.path !== '' && <bdi dir="ltr" class="path">{plain(one.path, 60)}</bdi>}
                </span>
                <span class="num strong">{formatValue(one.value)}</span>
              </button>
            </li>
          );
        })}
      </ul>
    </section>
  );
}

let shownSearch = '';

/** The same numbers at the same places with new values: nothing jumps under the pointer. */
function stable(before: Found[], now: Found[], search: string): Found[] {
  const isSame = shownSearch === search;
  shownSearch = search;
  if (!isSame || before.length < Math.min(now.length, 12)) return now;
  const values = new Map(now.map((one) => [seriesName(one), one]));
  return before.map((one) => values.get(seriesName(one)) ?? one);
}
