/** Numbers as pictures. What is drawn stands in the address. */

import { useEffect, useState } from 'preact/hooks';
import { seriesName, toggleSeries, LiveChart } from '../charts/live_chart';
import { numbersSeen, stable, type Found } from '../charts/numbers';
import { formatValue, t } from '../i18n';
import { plain } from '../payload/text';
import { isSettled, tree } from '../state/live';
import { chart, setChart } from '../state/route';
import { MOST_SERIES, sameSeries } from '../state/url';
import { topicSearch } from '../topics/filter';
import { Button, Empty, Loading, SearchField } from '../ui/controls';
import { useTick } from '../ui/tick';

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

const LOOK_MS = 2000;
const FIRST_LOOK_MS = 300;

/** All numbers that there are, to be drawn with a click. */
function Numbers() {
  const [search, setSearch] = useState('');
  const [found, setFound] = useState<Found[]>([]);
  const { series } = chart.value;
  useTick(2000);
  useEffect(() => {
    const matches = topicSearch(search);
    let timer = 0;
    const look = (isAnew: boolean) => {
      // What is known comes within the first moments; from then on what is there stays at its place.
      const isWhole = isSettled();
      if (!document.hidden) {
        const now = numbersSeen(tree.allTopics(), matches);
        setFound((before) => (isAnew || !isWhole ? now : stable(before, now)));
      }
      timer = window.setTimeout(look, isWhole ? LOOK_MS : FIRST_LOOK_MS, !isWhole);
    };
    look(true);
    return () => clearTimeout(timer);
  }, [search]);
  return (
    <section aria-labelledby="numbers-title">
      <div class="toolbar">
        <h2 id="numbers-title">{t('charts.numbers')}</h2>
        <span class="grow" />
        <SearchField label={t('topics.search')} placeholder={t('topics.searchHint')} value={search} onChange={setSearch} />
      </div>
      {found.length === 0 && (isSettled() ? <p class="hint">{t('charts.noNumbers')}</p> : <Loading rows={2} />)}
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
