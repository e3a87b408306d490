/** One topic: what it says now, what it said before, and what can be done with it. */

import { useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, get, post } from '../../api/client';
import type { HistoryAnswer } from '../../api/types';
import { isDrawn, toggleSeries } from '../../charts/live_chart';
import { formatBytes, formatDateTime, formatNumber, formatRate, formatTime, t } from '../../i18n';
import { isCut } from '../../mqtt/whole';
import { fromBase64, payloadNumber, plain, preview, textOf } from '../../payload/text';
import { listen, tree } from '../../state/live';
import { rowHeight } from '../../state/preferences';
import { hrefOf } from '../../state/route';
import { canChange, session } from '../../state/session';
import { MessageHistory, type Message } from '../../topics/history';
import type { TopicNode } from '../../topics/tree';
import { Badge, Button, CopyButton, Dialog, Empty, tell } from '../../ui/controls';
import { Icon } from '../../ui/icons';
import { Sparkline } from '../../ui/sparkline';
import { VirtualList } from '../../ui/virtual';
import { BusiestBelow, Figure } from './busiest';
import { Value } from './value';

const HISTORY_MS = 3_600_000;
const REDRAW_MS = 200;
/** Large payloads take time to read and to lay out, so they are shown less often. */
const LARGE_BYTES = 65_536;
const LARGE_REDRAW_MS = 2000;

function useMessages(topic: string): MessageHistory {
  const history = useRef(new MessageHistory());
  const [, redraw] = useState(0);
  useEffect(() => {
    const known = tree.get(topic);
    if (known?.payload && known.payload.length === known.payloadBytes) history.current.push(fromTree(known));
    let isOver = false;
    let [changed, drawnMs, turn] = [true, 0, 0];
    const stop = listen(topic, (message) => {
      history.current.push(message);
      changed = true;
    });
    const timer = setInterval(() => {
      const now = performance.now();
      const isLarge = (history.current.messages.at(-1)?.payload.length ?? 0) > LARGE_BYTES;
      if (!changed || document.hidden || (isLarge && now - drawnMs < LARGE_REDRAW_MS)) return;
      [changed, drawnMs] = [false, now];
      redraw(++turn);
    }, REDRAW_MS);
    if (session.peek()?.history) {
      void remembered(topic).then((older) => {
        if (isOver) return;
        history.current.prepend(older);
        changed = true;
      });
    }
    return () => {
      isOver = true;
      stop();
      clearInterval(timer);
    };
  }, [topic]);
  return history.current;
}

async function remembered(topic: string): Promise<Message[]> {
  try {
    const answer = await get<HistoryAnswer>('history', { topic, since_ms: Date.now() - HISTORY_MS });
    return answer.points.slice(-500).map((point) => ({
      timeMs: point.time_ms,
      payload: fromBase64(point.payload_base64),
      payloadBytes: point.payload_bytes,
      count: point.count,
      retain: false,
      qos: null,
      contentType: null,
      responseTopic: null,
      messageExpiryIntervalS: null,
      userProperties: [],
    }));
  } catch (error) {
    // What comes from now on is seen all the same.
    if (error instanceof ApiError) return [];
    throw error;
  }
}

/** What the tree knows, until the message itself is there. */
function fromTree(node: TopicNode): Message {
  const unknown = { qos: null, contentType: null, responseTopic: null, messageExpiryIntervalS: null, userProperties: [] };
  // Of a Retained Message that came because the page subscribed it is not known when it was published.
  const isReplayed = node.messages === 0;
  const { lastMs: timeMs, payload, payloadBytes } = node;
  return { timeMs, payload: payload!, payloadBytes, count: isReplayed ? 0 : 1, retain: isReplayed, ...unknown };
}

export function Topic({ topic }: { topic: string }) {
  const history = useMessages(topic);
  const [pinned, setPinned] = useState<Message | null>(null);
  const node = tree.get(topic);
  const { messages } = history;
  const newest = messages.at(-1) ?? (node?.payload ? fromTree(node) : null);
  const shown = pinned ?? newest;
  const index = shown === null ? -1 : messages.indexOf(shown);
  const before = index > 0 ? messages[index - 1]! : null;
  return (
    <div class="topic">
      <TopicHead topic={topic} node={node} />
      {shown === null ? (
        <NoMessage node={node} />
      ) : (
        <>
          <NumberLine topic={topic} messages={messages} shown={shown} />
          <Facts node={node} shown={shown} />
          {pinned && (
            <p class="note-line" role="status">
              {t('topic.olderShown', { time: formatTime(pinned.timeMs, true) })}
              <Button look="quiet" icon="play" onClick={() => setPinned(null)}>
                {t('topic.backToNewest')}
              </Button>
            </p>
          )}
          <Value topic={topic} message={shown} before={before} />
          <Properties message={shown} />
          <HistoryList messages={messages} shown={shown} onChoose={(message) => setPinned(message === messages.at(-1) ? null : message)} />
        </>
      )}
      {node?.children && <BusiestBelow node={node} />}
    </div>
  );
}

function TopicHead({ topic, node }: { topic: string; node: TopicNode | undefined }) {
  const levels = topic.split('/');
  const shownLevels = levels.length > 12 ? levels.slice(-12) : levels;
  const skipped = levels.length - shownLevels.length;
  return (
    <header class="topic-head">
      <h2>
        {skipped > 0 && <span class="crumb">…/</span>}
        {shownLevels.map((level, index) => {
          const isLast = index === shownLevels.length - 1;
          const above = levels.slice(0, skipped + index + 1).join('/');
          const name = level === '' ? <i class="none">{t('common.emptyName')}</i> : plain(level, isLast ? 200 : 60);
          return (
            <span class="crumb" key={index}>
              {isLast || above === '' ? <bdi dir="ltr">{name}</bdi> : <a href={hrefOf('topics', above)}><bdi dir="ltr">{name}</bdi></a>}
              {!isLast && <span class="slash">/</span>}
            </span>
          );
        })}
      </h2>
      <div class="actions">
        <CopyButton text={topic} label={t('topic.copyTopic')} />
        <a class="button quiet" href={hrefOf('publish', topic)}>
          <Icon name="publish" size={16} />
          <span>{t('nav.publish')}</span>
        </a>
        {node?.isRetained && canChange.value && <DeleteRetained topic={topic} />}
      </div>
    </header>
  );
}

function DeleteRetained({ topic }: { topic: string }) {
  const [isAsked, setAsked] = useState(false);
  const remove = async () => {
    setAsked(false);
    try {
      await post('retained/delete', { filter: null, topics: [topic], dry_run: false });
      tree.forgetRetained(topic);
      tell(t('retained.deleted', { n: 1 }));
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      tell(error.message, 'bad');
    }
  };
  return (
    <>
      <Button look="quiet" icon="trash" onClick={() => setAsked(true)}>
        {t('topic.deleteRetained')}
      </Button>
      {isAsked && (
        <Dialog title={t('topic.deleteRetained')} onClose={() => setAsked(false)}>
          <p>{t('retained.confirmOne')}</p>
          <p class="mono wrap">
            <bdi dir="ltr">{plain(topic)}</bdi>
          </p>
          <footer>
            <Button onClick={() => setAsked(false)}>{t('common.cancel')}</Button>
            <Button look="danger" icon="trash" onClick={remove}>
              {t('common.delete')}
            </Button>
          </footer>
        </Dialog>
      )}
    </>
  );
}

function NoMessage({ node }: { node: TopicNode | undefined }) {
  if (node === undefined) return <Empty icon="topics" title={t('topic.nothingYet')}><p>{t('topic.nothingYetHint')}</p></Empty>;
  return (
    <div class="figures">
      <Figure label={t('topic.topicsBelow')} value={formatNumber(node.topicsBelow)} />
      <Figure label={t('topics.perSecond')} value={formatRate(node.rate)} />
    </div>
  );
}

/** A payload that is a number, large, with its course and the way into a chart. */
function NumberLine({ topic, messages, shown }: { topic: string; messages: Message[]; shown: Message }) {
  const value = isCut(shown) ? null : payloadNumber(shown.payload);
  if (value === null) return null;
  const text = textOf(shown.payload)!.trim();
  const values = messages.slice(-160).flatMap((message) => (isCut(message) ? [] : (payloadNumber(message.payload) ?? [])));
  const drawn = isDrawn(topic, '');
  return (
    <div class="number-line">
      <button type="button" class="number-value num" aria-pressed={drawn} onClick={() => toggleSeries(topic, '')} title={t('topic.draw')}>
        {plain(text, 40)}
      </button>
      <Sparkline values={values} label={t('topic.course')} height={44} />
      <Button look={drawn ? 'primary' : 'plain'} icon="charts" aria-pressed={drawn} onClick={() => toggleSeries(topic, '')}>
        {drawn ? t('topic.drawn') : t('topic.draw')}
      </Button>
    </div>
  );
}

function Facts({ node, shown }: { node: TopicNode | undefined; shown: Message }) {
  return (
    <div class="facts-line">
    <dl class="facts">
      <div>
        <dt>{t('topic.time')}</dt>
        <dd class="num">{formatDateTime(shown.timeMs)}</dd>
      </div>
      <div>
        <dt>{t('topic.size')}</dt>
        <dd class="num">{formatBytes(shown.payloadBytes)}</dd>
      </div>
      <div>
        <dt>{t('topic.rate')}</dt>
        <dd class="num">{formatRate(node?.rate ?? 0)}/s</dd>
      </div>
      <div>
        <dt>{t('topic.messages')}</dt>
        <dd class="num">
          {formatNumber(node?.messages ?? 0)} <span class="hint">{t('topic.sinceOpened')}</span>
        </dd>
      </div>
    </dl>
      {node?.isRetained && <Badge tone="accent">{t('topics.retained')}</Badge>}
      {shown.contentType && <Badge>{plain(shown.contentType, 60)}</Badge>}
      {isCut(shown) && <Badge tone="warn">{t('topic.cutOf', { size: formatBytes(shown.payload.length), all: formatBytes(shown.payloadBytes) })}</Badge>}
    </div>
  );
}

function Properties({ message }: { message: Message }) {
  const rows: [string, string][] = [];
  if (message.responseTopic) rows.push([t('publish.responseTopic'), message.responseTopic]);
  if (message.messageExpiryIntervalS !== null) rows.push([t('publish.expiry'), `${formatNumber(message.messageExpiryIntervalS)} s`]);
  rows.push(...message.userProperties.slice(0, 100));
  if (rows.length === 0) return null;
  return (
    <section>
      <h3>{t('topic.properties')}</h3>
      <table class="plain-table">
        <tbody>
          {rows.map(([name, value], index) => (
            <tr key={index}>
              <th scope="row"><bdi dir="ltr">{plain(name, 120)}</bdi></th>
              <td><bdi dir="ltr">{plain(value, 400)}</bdi></td>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function HistoryList({ messages, shown, onChoose }: { messages: Message[]; shown: Message; onChoose: (message: Message) => void }) {
  const active = messages.length - 1 - messages.indexOf(shown);
  if (messages.length === 0) return null;
  const height = rowHeight.value;
  return (
    <section class="history">
      <h3>
        {t('topic.history')} <span class="num below">{formatNumber(messages.length)}</span>
      </h3>
      <VirtualList
        class="history-list"
        role="listbox"
        label={t('topic.history')}
        count={messages.length}
        rowHeight={height}
        active={active}
        activeId={`message-${active}`}
        onActive={(index) => onChoose(messages[messages.length - 1 - index]!)}
        row={(index) => {
          const message = messages[messages.length - 1 - index]!;
          const before = messages[messages.length - 2 - index];
          return (
            <div
              key={index}
              id={`message-${index}`}
              role="option"
              aria-selected={message === shown}
              class={`history-row${message === shown ? ' selected' : ''}`}
              onClick={() => onChoose(message)}
            >
              <span class="num time">{formatTime(message.timeMs, true)}</span>
              <span class="value">
                <bdi dir="ltr">{preview(message.payload, 120)}</bdi>
              </span>
              <span class="num change">{changeText(message, before)}</span>
            </div>
          );
        }}
      />
    </section>
  );
}

/** By how much a number differs from the one before; how many a sample stands for. */
function changeText(message: Message, before: Message | undefined): string {
  const [value, last] = [payloadNumber(message.payload), before ? payloadNumber(before.payload) : null];
  const many = message.count > 1 ? `×${formatNumber(message.count)} ` : '';
  if (value === null || last === null || value === last) return many;
  const change = Number((value - last).toPrecision(4));
  return `${many}${change > 0 ? '+' : '−'}${formatNumber(Math.abs(change), 4)}`;
}
