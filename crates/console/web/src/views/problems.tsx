/** Everything that was refused or discarded: why, whose it was, and what to do. */

import { useRef, useState } from 'preact/hooks';
import type { Problem, ProblemKind, Problems } from '../api/types';
import { formatDateTime, formatNumber, said, t } from '../i18n';
import { plain } from '../payload/text';
import { hrefOf, query, setQuery } from '../state/route';
import { Badge, Button, Empty, Failure, Loading, Name, SearchField, Segmented, Sentence } from '../ui/controls';
import { onRowsKeyDown } from '../ui/found';
import { useList } from '../ui/polling';

const KINDS: ProblemKind[] = ['refused', 'denied', 'discarded', 'disconnected', 'server'];
const TONES: Record<ProblemKind, 'bad' | 'warn' | 'quiet'> = {
  refused: 'bad',
  denied: 'bad',
  discarded: 'warn',
  disconnected: 'quiet',
  server: 'bad',
};
const SHOWN = 200;

export function ProblemsPage() {
  const search = query('q') ?? '';
  const kind = KINDS.find((one) => one === query('kind')) ?? null;
  const [totals, setTotals] = useState<Problems['totals']>([]);
  const list = useList<Problem, Problems>('problems', { kind, search }, 5000, (answer) => setTotals(answer.totals));
  const items = list.items ?? [];
  // Totals come above the search: both are shown when the first answer is there, so that nothing moves.
  const isKnown = useRef(false);
  isKnown.current ||= list.items !== null || list.error !== null;
  return (
    <div class="page">
      <header class="page-head">
        <h1>{t('nav.problems')}</h1>
      </header>
      {isKnown.current && <Totals totals={totals} search={search} />}
      <div class="toolbar" hidden={!isKnown.current}>
        <SearchField label={t('problems.search')} value={search} onChange={(text) => setQuery('q', text)} />
        <Segmented
          label={t('problems.kind')}
          value={kind ?? 'all'}
          options={[{ value: 'all', text: t('clients.all') }, ...KINDS.map((value) => ({ value, text: t(`problems.${value}`) }))]}
          onChange={(value) => setQuery('kind', value === 'all' ? null : value)}
        />
      </div>
      {list.error && !list.items ? (
        <Failure message={list.error.message} onRetry={list.refresh} />
      ) : list.items === null ? (
        <Loading rows={10} />
      ) : items.length === 0 ? (
        <Empty icon="check" title={search || kind ? t('problems.noneFound') : t('problems.none')}>
          <p>{search || kind ? t('problems.noneFoundHint') : t('problems.noneHint')}</p>
        </Empty>
      ) : (
        <>
          <ul class="problem-list" tabIndex={-1} data-found onKeyDown={onRowsKeyDown}>
            {items.map((one, index) => (
              <ProblemRow key={index} one={one} />
            ))}
          </ul>
          {list.hasMore && items.length < SHOWN * 10 && (
            <p class="more">
              <Button onClick={list.more}>{t('common.more')}</Button>
            </p>
          )}
        </>
      )}
    </div>
  );
}

/** How often which reason, the most frequent first; a click looks for it. */
function Totals({ totals, search }: { totals: Problems['totals']; search: string }) {
  const sorted = [...totals].sort((one, other) => other.count - one.count).slice(0, 8);
  const most = sorted[0]?.count ?? 1;
  if (sorted.length === 0) return null;
  return (
    <section class="card" aria-label={t('problems.byReason')}>
      <ol class="busiest totals">
        {sorted.map((total) => (
          <li key={total.kind + total.reason}>
            <button type="button" aria-pressed={search === total.reason} onClick={() => setQuery('q', search === total.reason ? null : total.reason)}>
              <Badge tone={TONES[total.kind] ?? 'quiet'}>{KINDS.includes(total.kind) ? t(`problems.${total.kind}`) : plain(total.kind, 20)}</Badge>
              <span class="label">{plain(said(total.reason), 120)}</span>
              <span class="num">{formatNumber(total.count)}</span>
              <span class="meter" style={{ transform: `scaleX(${total.count / most})` }} />
            </button>
          </li>
        ))}
      </ol>
    </section>
  );
}

function ProblemRow({ one }: { one: Problem }) {
  return (
    <li class="problem" tabIndex={-1}>
      <span class="num time">{formatDateTime(one.time_ms)}</span>
      <Badge tone={TONES[one.kind] ?? 'quiet'}>{KINDS.includes(one.kind) ? t(`problems.${one.kind}`) : plain(one.kind, 20)}</Badge>
      <div>
       <div class="problem-what">
        <strong>{plain(said(one.reason), 200)}</strong>
        {one.reason_code !== null && <span class="hint num">0x{one.reason_code.toString(16).padStart(2, '0')}</span>}
        {one.count > 1 && <span class="count num">×{formatNumber(one.count)}</span>}
        <span class="problem-who">
        {one.client_id !== null && (
          <a href={hrefOf('clients', one.client_id)}>
            <Name text={one.client_id} most={80} />
          </a>
        )}
        {one.username !== null && <Name text={one.username} most={60} />}
        {one.address !== null && <span class="num"><Name text={one.address} most={60} /></span>}
        {one.topic !== null && (
          <a class="mono" href={hrefOf('topics', one.topic)}>
            <Name text={one.topic} most={120} />
          </a>
        )}
        </span>
       </div>
       {one.remedy && <p class="remedy"><Sentence text={said(one.remedy)} /></p>}
      </div>
    </li>
  );
}
