/** The topics as they live: the tree on the left, what is chosen in it on the right. */

import { useEffect } from 'preact/hooks';
import { LiveChart } from '../../charts/live_chart';
import { formatRate, t } from '../../i18n';
import { isSettled, overall, refusedFilters, tree } from '../../state/live';
import { isWide } from '../../state/preferences';
import { chart, go, query, route, setQuery } from '../../state/route';
import { isServers } from '../../topics/tree';
import { Button, Loading, SearchField } from '../../ui/controls';
import { useTick } from '../../ui/tick';
import { Busiest } from './busiest';
import { openTo, TreeList } from './tree_list';
import { Topic } from './topic';
import { Welcome } from './welcome';

export function TopicsPage() {
  const selected = route.value.item;
  const search = query('q') ?? '';
  useTick(1000);
  // The first topics come within a second, and the number above them with them.
  useTick(100, () => tree.structure > 0);
  useEffect(() => {
    if (selected !== '') openTo(selected);
  }, [selected]);

  const isEmpty = ![...(tree.root.children?.keys() ?? [])].some((name) => !isServers(name));
  const isFirstVisit = isEmpty && isSettled();
  const isListed = isWide.value || selected === '';
  const isDetailed = isWide.value || selected !== '';
  const isDrawn = chart.value.series.length > 0;
  return (
    <div class="panes">
      {isListed && (
        <section class="pane list-pane" aria-labelledby="page-title">
          <header class="page-head">
            <h1 id="page-title">{t('nav.topics')}</h1>
            <p class="counts num">
              {tree.topics > 0 || isSettled() ? `${t('topics.count', { n: tree.topics })} · ${t('topics.rate', { rate: formatRate(overall.value.rate) })}` : '\u00a0'}
            </p>
          </header>
          <div class="pane-tools">
            <SearchField label={t('topics.search')} placeholder={t('topics.searchHint')} value={search} onChange={(text) => setQuery('q', text)} pauseMs={120} />
          </div>
          <RefusedNote />
          {isFirstVisit && !isWide.value ? <div class="detail-scroll"><Welcome /></div> : <TreeList search={search} selected={selected} />}
        </section>
      )}
      {!isListed && <h1 class="unseen">{t('nav.topics')}</h1>}
      {isDetailed && (
        <section class="pane detail-pane" aria-label={t('topics.detail')}>
          {!isWide.value && (
            <div class="back">
              <Button look="quiet" icon="back" onClick={() => go('topics', '', search ? [['q', search]] : [])}>
                {t('nav.topics')}
              </Button>
            </div>
          )}
          <div class="detail-scroll" tabIndex={-1}>
            {selected !== '' ? <Topic key={selected} topic={selected} /> : isFirstVisit ? <Welcome /> : isEmpty ? <Loading rows={6} /> : <Busiest />}
          </div>
          {isDrawn && (
            <div class="drawer">
              <LiveChart height={isWide.value ? 190 : 120} isSmall />
            </div>
          )}
        </section>
      )}
    </div>
  );
}

function RefusedNote() {
  const refused = [...refusedFilters.value].filter(([filter]) => filter === '#');
  if (refused.length === 0) return null;
  return (
    <p class="note-line" role="status">
      {t('topics.refused', { code: '0x' + refused[0]![1].toString(16) })}
    </p>
  );
}

