/** Retained Messages: look, search, and delete many at once, which is shown before it is done. */

import { useEffect, useMemo, useState } from 'preact/hooks';
import { ApiError, post } from '../api/client';
import type { Retained, RetainedDeletion } from '../api/types';
import { formatBytes, formatDateTime, formatNumber, t } from '../i18n';
import { fromBase64, plain, preview } from '../payload/text';
import { tree } from '../state/live';
import { isWide, rowHeight } from '../state/preferences';
import { go, hrefOf, query, setQuery } from '../state/route';
import { canChange } from '../state/session';
import { filterFault, hasWildcard } from '../topics/filter';
import { Button, Dialog, Empty, Failure, Loading, Name, SearchField, tell } from '../ui/controls';
import { useList } from '../ui/polling';
import { VirtualList } from '../ui/virtual';

/** The text of the search as the Topic Filter that the server is asked with; a name without wildcards means all below it. */
function filterOf(text: string): string {
  const wanted = text.trim();
  if (wanted === '' || hasWildcard(wanted)) return wanted;
  return wanted.endsWith('/') ? wanted + '#' : wanted + '/#';
}

const byTopic = (one: Retained, other: Retained) => (one.topic < other.topic ? -1 : one.topic > other.topic ? 1 : 0);

/** Columns of what is not known of each message; one of which nothing is known is left out. */
const OPTIONAL = [
  { key: 'stored_ms', text: 'retained.stored', width: '104px' },
  { key: 'expires_ms', text: 'retained.expires', width: '104px' },
  { key: 'publisher', text: 'retained.publisher', width: 'minmax(0, 1fr)' },
] as const;

type Optional = (typeof OPTIONAL)[number];

type Deletion = { filter: string | null; topics: string[] | null };

export function RetainedPage() {
  const search = query('filter') ?? '';
  const filter = filterOf(search);
  const fault = filter === '' ? null : filterFault(filter);
  const list = useList<Retained>('retained', { filter: fault ? null : filter || null }, 10_000);
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [active, setActive] = useState(-1);
  const [deletion, setDeletion] = useState<Deletion | null>(null);
  // In the server's order as long as there is more of it; what is whole can be sorted.
  const items = useMemo(() => (list.hasMore ? (list.items ?? []) : [...(list.items ?? [])].sort(byTopic)), [list.items]);
  const columns = OPTIONAL.filter(({ key }) => items.some((one) => one[key] !== null));
  const toggle = (topic: string) => {
    const next = new Set(chosen);
    if (!next.delete(topic)) next.add(topic);
    setChosen(next);
  };
  return (
    <div class="page fill" style={{ '--optional': columns.map((column) => column.width).join(' ') }}>
      <header class="page-head">
        <h1>{t('nav.retained')}</h1>
        <p class="counts num">{list.items && t(list.hasMore ? 'retained.countMore' : 'retained.count', { n: items.length })}</p>
      </header>
      <div class="toolbar">
        <SearchField label={t('retained.search')} placeholder="greenhouse/+/door" value={search} onChange={(text) => setQuery('filter', text)} />
        {fault && <span class="fault" role="alert">{t(`fault.${fault}`)}</span>}
        <span class="grow" />
        {canChange.value && items.length > 0 && (
          <>
            {chosen.size > 0 && (
              <Button look="danger" icon="trash" onClick={() => setDeletion({ filter: null, topics: [...chosen] })}>
                {t('retained.deleteChosen', { n: chosen.size })}
              </Button>
            )}
            <Button icon="trash" onClick={() => setDeletion({ filter: filter || '#', topics: null })}>
              {filter === '' ? t('retained.deleteAll') : t('retained.deleteFound')}
            </Button>
          </>
        )}
      </div>
      {list.error && !list.items ? (
        <Failure message={list.error.message} onRetry={list.refresh} />
      ) : list.items === null ? (
        <Loading rows={12} />
      ) : items.length === 0 ? (
        <Empty icon="retained" title={filter ? t('retained.noneFound') : t('retained.none')}>
          <p>{filter ? t('retained.noneFoundHint') : t('retained.noneHint')}</p>
        </Empty>
      ) : (
        <VirtualList
          class="table retained-table"
          role="table"
          label={t('nav.retained')}
          count={items.length}
          rowHeight={isWide.value ? rowHeight.value + 4 : 60}
          onEnd={list.more}
          active={active}
          activeId={items[active] ? `retained-row-${active}` : undefined}
          onActive={setActive}
          onKeyDown={(event) => {
            const one = items[active];
            if (event.target !== event.currentTarget || one === undefined) return;
            if (event.key === 'Enter') go('topics', one.topic);
            else if (event.key === ' ' && canChange.value) toggle(one.topic);
            else return;
            event.preventDefault();
          }}
          isFound
          header={
            <div role="rowgroup" class="head">
              <div role="row" class="row">
                <span role="columnheader"><span class="unseen">{t('retained.choose')}</span></span>
                <span role="columnheader">{t('publish.topic')}</span>
                <span role="columnheader">{t('topic.value')}</span>
                <span role="columnheader" class="num">{t('topic.size')}</span>
                <span role="columnheader">QoS</span>
                {columns.map((column) => (
                  <span key={column.key} role="columnheader">{t(column.text)}</span>
                ))}
              </div>
            </div>
          }
          row={(index) => (
            <Row
              key={index}
              {...{ index, columns, isActive: index === active }}
              one={items[index]!}
              isChosen={chosen.has(items[index]!.topic)}
              onActive={() => setActive(index)}
              onToggle={toggle}
            />
          )}
        />
      )}
      {deletion && (
        <DeleteDialog
          deletion={deletion}
          onClose={() => setDeletion(null)}
          onDone={() => {
            setDeletion(null);
            setChosen(new Set());
            list.refresh();
          }}
        />
      )}
    </div>
  );
}

interface RowProps {
  one: Retained;
  index: number;
  columns: Optional[];
  isActive: boolean;
  isChosen: boolean;
  onActive: () => void;
  onToggle: (topic: string) => void;
}

function Row({ one, index, columns, isActive, isChosen, onActive, onToggle }: RowProps) {
  const bytes = fromBase64(one.payload_base64 ?? '');
  return (
    <div id={`retained-row-${index}`} role="row" class={`row${isChosen ? ' chosen' : ''}${isActive ? ' active' : ''}`} onClick={onActive}>
      <span role="cell">
        <input type="checkbox" aria-label={t('retained.chooseOne', { topic: plain(one.topic, 100) })} checked={isChosen} disabled={!canChange.value} onChange={() => onToggle(one.topic)} />
      </span>
      <span role="cell" class="strong">
        <a href={hrefOf('topics', one.topic)}>
          <Name text={one.topic} />
        </a>
      </span>
      <span role="cell" class="value mono"><bdi dir="ltr">{preview(bytes, 120)}</bdi></span>
      <span role="cell" class="num">{formatBytes(one.bytes)}</span>
      <span role="cell" class="num">{one.qos}</span>
      {columns.map(({ key }) => (
        <span key={key} role="cell" class={key === 'publisher' ? undefined : 'num start'}>
          <Known value={one[key]} />
        </span>
      ))}
    </div>
  );
}

function Known({ value }: { value: number | string | null }) {
  if (value === null) return <>–</>;
  return typeof value === 'number' ? <>{formatDateTime(value)}</> : <Name text={value} />;
}

/** First a preview from the server: how many, and which. Only then the question. */
function DeleteDialog({ deletion, onClose, onDone }: { deletion: Deletion; onClose: () => void; onDone: () => void }) {
  const [preview, setPreview] = useState<RetainedDeletion | null>(null);
  const [failure, setFailure] = useState<string | null>(null);
  const [isAsking, setAsking] = useState(false);
  const ask = async (isDry: boolean) => {
    setAsking(true);
    try {
      const answer = await post<RetainedDeletion>('retained/delete', { ...deletion, dry_run: isDry });
      if (isDry) setPreview(answer);
      else {
        for (const topic of deletion.topics ?? []) tree.forgetRetained(topic);
        tell(t('retained.deleted', { n: answer.deleted }));
        onDone();
      }
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      setFailure(error.message);
    }
    setAsking(false);
  };
  useEffect(() => void ask(true), []);
  return (
    <Dialog title={t('retained.deleteTitle')} onClose={onClose} wide>
      {failure && <Failure message={failure} />}
      {!preview && !failure && <Loading rows={5} />}
      {preview && (
        <>
          <p>
            {deletion.filter && <><code><bdi dir="ltr">{plain(deletion.filter)}</bdi></code>: </>}
            {t('retained.preview', { n: preview.count })}
          </p>
          <ul class="sample" tabIndex={0} aria-label={t('retained.sample')}>
            {preview.sample.map((topic) => (
              <li key={topic} class="mono"><Name text={topic} /></li>
            ))}
            {preview.count > preview.sample.length && <li class="hint">{t('retained.andMore', { n: preview.count - preview.sample.length })}</li>}
          </ul>
          <p class="hint">{t('retained.noWayBack')}</p>
        </>
      )}
      <footer>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="danger" icon="trash" disabled={isAsking || !preview || preview.count === 0} onClick={() => void ask(false)}>
          {t('retained.deleteNow', { n: formatNumber(preview?.count ?? 0) })}
        </Button>
      </footer>
    </Dialog>
  );
}
