/** Clients that are connected, and Sessions whose client is away. */

import type { ComponentChildren } from 'preact';
import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, get, post } from '../api/client';
import type { Client, ClientDetail } from '../api/types';
import { formatBytes, formatDateTime, formatDuration, formatNumber, formatRate, said, t } from '../i18n';
import { plain } from '../payload/text';
import { isWide, rowHeight } from '../state/preferences';
import { go, hrefOf, query, route, setQuery } from '../state/route';
import { canChange } from '../state/session';
import { Badge, Button, Check, CopyButton, Dialog, Empty, Failure, Loading, Name, SearchField, Segmented, tell } from '../ui/controls';
import { Icon } from '../ui/icons';
import { useList, usePolled, type Listed } from '../ui/polling';
import { VirtualList } from '../ui/virtual';
import { Head, SortChoice, sortOf, type Column } from './clients_head';

const EVERY_MS = 3000;

/** How connections end without anybody having a fault. */
const ORDINARY_ENDS = new Set(['the client said goodbye', 'the page was closed', 'server shutting down', 'administrative action']);

/** The server adds behind a colon why it has ended a connection. */
const isOrdinaryEnd = (reason: string) => ORDINARY_ENDS.has(reason.split(': ')[0]!);

interface Rates {
  received: number;
  sent: number;
}

/** Messages in each second, of the difference to what was counted the last time. */
function useRates() {
  const counted = useRef(new Map<string, { timeMs: number; received: number; sent: number; rates: Rates | null }>());
  return {
    note(clients: Client[]) {
      const now = performance.now();
      for (const one of clients) {
        const last = counted.current.get(one.id);
        const seconds = last ? (now - last.timeMs) / 1000 : 0;
        if (last && seconds < 1) continue;
        const { received_messages: received, sent_messages: sent } = one;
        // Counters begin again with a new connection.
        const isOn = last !== undefined && received >= last.received && sent >= last.sent;
        const rates = isOn ? { received: (received - last.received) / seconds, sent: (sent - last.sent) / seconds } : null;
        counted.current.set(one.id, { timeMs: now, received, sent, rates });
      }
    },
    of: (id: string) => counted.current.get(id)?.rates ?? null,
  };
}

const STATES = ['all', 'connected', 'away'] as const;

export function ClientsPage() {
  const search = query('q') ?? '';
  const state = STATES.find((one) => one === query('state')) ?? 'all';
  const rates = useRates();
  const sort = sortOf();
  const list = useList<Client>('clients', { state, search, sort: sort.column, order: sort.order }, EVERY_MS, (answer) => rates.note(answer.items));
  const chosen = route.value.item;
  const items = list.items ?? [];
  const [active, setActive] = useState(-1);
  const keep = (): [string, string][] => route.value.query;
  const isListed = isWide.value || chosen === '';
  return (
    <div class={`page fill${chosen !== '' ? ' with-detail' : ''}`}>
      {isListed && (
        <section class="list-part" aria-labelledby="page-title">
          <header class="page-head">
            <h1 id="page-title">{t('nav.clients')}</h1>
            <p class="counts num">{list.items && countText(list)}</p>
          </header>
          <div class="toolbar">
            <SearchField label={t('clients.search')} value={search} onChange={(text) => setQuery('q', text)} />
            <Segmented
              label={t('clients.state')}
              value={state}
              options={STATES.map((value) => ({ value, text: t(`clients.${value}`) }))}
              onChange={(value) => setQuery('state', value === 'all' ? null : value)}
            />
            {!isWide.value && <SortChoice sort={sort} />}
          </div>
          {list.error && !list.items ? (
            <Failure message={list.error.message} onRetry={list.refresh} />
          ) : list.items === null ? (
            <Loading rows={12} />
          ) : items.length === 0 ? (
            <Empty icon="clients" title={search || state !== 'all' ? t('clients.noneFound') : t('clients.none')}>
              <p>{search || state !== 'all' ? t('clients.noneFoundHint') : t('clients.noneHint')}</p>
            </Empty>
          ) : (
            <VirtualList
              class="table clients-table"
              role="table"
              label={t('nav.clients')}
              count={items.length}
              rowHeight={isWide.value ? rowHeight.value + 4 : 60}
              onEnd={list.more}
              active={active}
              activeId={items[active] ? `client-row-${active}` : undefined}
              onActive={setActive}
              onKeyDown={(event) => {
                if (event.key === 'Enter' && items[active]) go('clients', items[active].id, keep());
              }}
              isFound
              header={<Head sort={sort} />}
              row={(index) => (
                <Row
                  key={index}
                  index={index}
                  one={items[index]!}
                  rates={ratesOf(items[index]!) ?? rates.of(items[index]!.id)}
                  sorted={sort.column}
                  isChosen={items[index]!.id === chosen}
                  isActive={index === active}
                  onChoose={() => {
                    setActive(index);
                    go('clients', items[index]!.id, keep());
                  }}
                />
              )}
            />
          )}
        </section>
      )}
      {!isListed && <h1 class="unseen">{t('nav.clients')}</h1>}
      {chosen !== '' && <Detail key={chosen} id={chosen} onClose={() => go('clients', '', keep())} onChanged={list.refresh} />}
    </div>
  );
}

/** Of a client that is away it is not known. */
export const protocolText = (one: Client) =>
  one.version === null ? '–' : `MQTT ${one.version}${one.transport === 'websocket' ? ' · WS' : one.transport === 'unix' ? ' · unix' : ''}`;

/** As the server has reckoned them, by which it has sorted. */
function ratesOf(one: Client): Rates | null {
  const { received_messages_per_s: received, sent_messages_per_s: sent } = one;
  return received === null || sent === null ? null : { received, sent };
}

function countText({ items, total }: Listed<Client>): string {
  const shown = items?.length ?? 0;
  return total !== null && total > shown ? t('clients.firstOf', { shown, n: total }) : t('clients.count', { n: shown });
}

interface RowProps {
  one: Client;
  index: number;
  rates: Rates | null;
  sorted: Column;
  isChosen: boolean;
  isActive: boolean;
  onChoose: () => void;
}

function Row({ one, index, rates, sorted, isChosen, isActive, onChoose }: RowProps) {
  const isAway = one.state === 'away';
  const mark = (column: Column) => (column === sorted ? ' sorted' : '');
  const rate = (value: number | undefined) => (isAway ? '' : value === undefined ? '…' : formatRate(value));
  return (
    <div id={`client-row-${index}`} role="row" class={`row${isChosen ? ' chosen' : ''}${isActive ? ' active' : ''}`} onClick={onChoose}>
      <span role="cell" class="strong id">
        <span class={`dot ${isAway ? 'away' : 'on'}`} />
        <span class="unseen">{t(`clients.${one.state}`)}</span>
        <a
          href={hrefOf('clients', one.id, route.value.query)}
          tabIndex={-1}
          onClick={(event) => {
            event.preventDefault();
          }}
        >
          <Name text={one.id} />
        </a>
      </span>
      <span role="cell" class="user">{one.username === null ? <i class="none">{t('clients.anonymous')}</i> : <Name text={one.username} />}</span>
      <span role="cell" class="address num">{one.address === null ? '–' : <Name text={one.address} />}</span>
      <span role="cell" class="protocol">
        {protocolText(one)}
        {one.tls && (
          <span class="lock" title={one.tls.version}>
            <Icon name="lock" size={13} />
            <span class="unseen">{one.tls.version}</span>
          </span>
        )}
      </span>
      <span role="cell" class={`num subs${mark('subscriptions')}`}>{formatNumber(one.subscriptions)}</span>
      <span role="cell" class={`num inflight${mark('inflight')}`}>{one.inflight > 0 ? formatNumber(one.inflight) : '·'}</span>
      <span role="cell" class={`num queue${one.queued > 0 ? ' warn' : ''}${mark('queued')}`}>{one.queued > 0 ? formatNumber(one.queued) : '·'}</span>
      <span role="cell" class={`num in${mark('received_messages_per_s')}`}>{rate(rates?.received)}</span>
      <span role="cell" class={`num out${mark('sent_messages_per_s')}`}>{rate(rates?.sent)}</span>
      <span role="cell" class={`num since${mark('since_ms')}`}>
        {one.since_ms === null ? '–' : formatDateTime(one.since_ms)}
      </span>
    </div>
  );
}

function Detail({ id, onClose, onChanged }: { id: string; onClose: () => void; onChanged: () => void }) {
  const rates = useRates();
  const ask = async () => {
    const answer = await get<ClientDetail>(`clients/${encodeURIComponent(id)}`);
    rates.note([answer]);
    return answer;
  };
  const polled = usePolled(ask, id, EVERY_MS);
  const [isAsked, setAsked] = useState(false);
  const one = polled.data;
  useEffect(() => {
    const onKey = (event: KeyboardEvent) => {
      if (event.key === 'Escape' && !document.querySelector('dialog[open]')) onClose();
    };
    addEventListener('keydown', onKey);
    return () => removeEventListener('keydown', onKey);
  }, []);
  return (
    <aside class="detail-part" aria-label={t('clients.detail')}>
      <header class="topic-head">
        {!isWide.value && <Button look="quiet" icon="back" label={t('nav.clients')} onClick={onClose} />}
        <h2>
          <Name text={id} most={120} />
        </h2>
        <div class="actions">
          <CopyButton text={id} label={t('clients.copyId')} />
          {one && canChange.value && (
            <Button look="quiet" icon="disconnect" onClick={() => setAsked(true)}>
              {one.state === 'connected' ? t('clients.disconnect') : t('clients.endSession')}
            </Button>
          )}
          {isWide.value && <Button look="quiet" icon="close" label={t('common.close')} onClick={onClose} />}
        </div>
      </header>
      {polled.error && !one ? (
        <Failure message={polled.error.message} onRetry={polled.refresh} />
      ) : one === null ? (
        <Loading rows={10} />
      ) : (
        <Facts one={one} rates={rates.of(id)} />
      )}
      {isAsked && one && (
        <DisconnectDialog
          one={one}
          onClose={() => setAsked(false)}
          onDone={() => {
            setAsked(false);
            polled.refresh();
            onChanged();
          }}
        />
      )}
    </aside>
  );
}

function Facts({ one, rates }: { one: ClientDetail; rates: Rates | null }) {
  const isOn = one.state === 'connected';
  const expiry = one.session_expiry_s === null ? t('clients.never') : one.session_expiry_s === 0 ? t('clients.withConnection') : formatDuration(one.session_expiry_s * 1000);
  const perSecond = (rate: number | undefined) => (isOn && rate !== undefined ? ` · ${formatRate(rate)}/s` : '');
  const facts: [string, ComponentChildren][] = [
    [t('clients.state'), <Badge tone={isOn ? 'good' : 'quiet'}>{t(`clients.${one.state}`)}</Badge>],
    [t('clients.user'), one.username === null ? t('clients.anonymous') : <Name text={one.username} />],
    [t('clients.address'), one.address === null ? '–' : <Name text={one.address} />],
    [t('clients.listener'), one.listener === null ? '–' : <Name text={one.listener} />],
    [t('clients.protocol'), protocolText(one)],
    ['TLS', !isOn ? '–' : one.tls ? `${plain(one.tls.version, 20)} · ${plain(one.tls.cipher, 60)}` : t('common.no')],
    [t('clients.since'), one.since_ms === null ? '–' : `${formatDateTime(one.since_ms)} (${formatDuration(Math.max(0, Date.now() - one.since_ms))})`],
    [t('clients.keepAlive'), one.keep_alive_s === null ? '–' : one.keep_alive_s === 0 ? t('common.no') : formatDuration(one.keep_alive_s * 1000)],
    [t('clients.cleanStart'), one.clean_start === null ? '–' : one.clean_start ? t('common.yes') : t('common.no')],
    [t('clients.expiry'), expiry],
    [t('clients.inflight'), formatNumber(one.inflight)],
    [t('clients.queue'), `${formatNumber(one.queued)} · ${formatBytes(one.queued_bytes)}`],
    [t('clients.received'), `${formatNumber(one.received_messages)} · ${formatBytes(one.received_bytes)}${perSecond(rates?.received)}`],
    [t('clients.sent'), `${formatNumber(one.sent_messages)} · ${formatBytes(one.sent_bytes)}${perSecond(rates?.sent)}`],
    [t('clients.discarded'), formatNumber(one.discarded)],
  ];
  return (
    <div class="detail-scroll">
      {one.last_disconnect && (
        <p class={`note-line${isOrdinaryEnd(one.last_disconnect.reason) ? ' plain' : ''}`}>
          <Icon name="disconnect" size={16} />
          <span>
            {t('clients.lastDisconnect')}: {plain(said(one.last_disconnect.reason), 200)}
            {one.last_disconnect.reason_code !== null && ` (0x${one.last_disconnect.reason_code.toString(16).padStart(2, '0')})`},{' '}
            <span class="num">{formatDateTime(one.last_disconnect.time_ms)}</span>
          </span>
        </p>
      )}
      <dl class="fact-list">
        {facts.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd class="num">{value}</dd>
          </div>
        ))}
      </dl>
      <h3>
        {t('clients.subscriptions')} <span class="num below">{formatNumber(one.subscription_list.length)}</span>
      </h3>
      {one.subscription_list.length === 0 ? (
        <p class="hint">{t('clients.noSubscriptions')}</p>
      ) : (
        <ul class="subscriptions">
          {one.subscription_list.slice(0, 1000).map((subscription) => (
            <li key={subscription.filter}>
              <span class="mono"><Name text={subscription.filter} /></span>
              <span class="marks">
                <Badge>QoS {subscription.qos}</Badge>
                {subscription.no_local && <Badge>No Local</Badge>}
                {subscription.retain_as_published && <Badge>Retain As Published</Badge>}
                {subscription.identifier !== null && <Badge>Identifier {subscription.identifier}</Badge>}
              </span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

function DisconnectDialog({ one, onClose, onDone }: { one: ClientDetail; onClose: () => void; onDone: () => void }) {
  const isAway = one.state === 'away';
  const [endSession, setEndSession] = useState(isAway);
  const [isBusy, setBusy] = useState(false);
  const run = async () => {
    setBusy(true);
    try {
      await post(`clients/${encodeURIComponent(one.id)}/disconnect`, { end_session: endSession });
      tell(isAway ? t('clients.ended') : t('clients.disconnected'));
      onDone();
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tell(error.message, 'bad');
      setBusy(false);
    }
  };
  return (
    <Dialog title={isAway ? t('clients.endSession') : t('clients.disconnect')} onClose={onClose}>
      <p class="mono wrap">
        <Name text={one.id} />
      </p>
      <p>{isAway ? t('clients.endHint') : t('clients.disconnectHint')}</p>
      {!isAway && (
        <Check checked={endSession} onChange={setEndSession}>
          {t('clients.alsoEnd', { n: one.queued })}
        </Check>
      )}
      <footer>
        <Button onClick={onClose}>{t('common.cancel')}</Button>
        <Button look="danger" icon="disconnect" disabled={isBusy} onClick={() => void run()}>
          {isAway ? t('clients.endSession') : t('clients.disconnect')}
        </Button>
      </footer>
    </Dialog>
  );
}
