/** Rates, connections, CPU, memory and log, as numbers of now and as courses. */

import { useMemo, useState } from 'preact/hooks';
import { get } from '../../api/client';
import type { Overview, SeriesAnswer, Values } from '../../api/types';
import { lineColor, Plot } from '../../charts/plot';
import { formatBytes, formatDateTime, formatDuration, formatMicroseconds, formatNumber, formatRate, formatTime, t, type Key } from '../../i18n';
import { isDark } from '../../state/preferences';
import { query, setQuery } from '../../state/route';
import { Badge, Failure, Loading, Segmented } from '../../ui/controls';
import { usePolled } from '../../ui/polling';

const WINDOWS = ['15m', '1h', '24h'] as const;
const WINDOW_MS = { '15m': 900_000, '1h': 3_600_000, '24h': 86_400_000 };

export function Load() {
  const window = WINDOWS.find((one) => one === query('w')) ?? '15m';
  const overview = usePolled(() => get<Overview>('overview'), 'overview', 2000);
  const series = usePolled(() => get<SeriesAnswer>('series', { window }), window, window === '15m' ? 5000 : 15_000);
  if (overview.error && !overview.data) return <Failure message={overview.error.message} onRetry={overview.refresh} />;
  return (
    <>
      <div class="tiles-room">{overview.data ? <Tiles now={overview.data} /> : <Loading rows={3} />}</div>
      <div class="toolbar">
        <h2>{t('server.courses')}</h2>
        <span class="grow" />
        <Segmented
          label={t('charts.window')}
          value={window}
          options={WINDOWS.map((value) => ({ value, text: t(`server.window.${value}`) }))}
          onChange={(value) => setQuery('w', value === '15m' ? null : value)}
        />
      </div>
      {series.data ? <Courses answer={series.data} lengthMs={WINDOW_MS[window]} /> : series.error ? <Failure message={series.error.message} onRetry={series.refresh} /> : <Loading rows={12} />}
    </>
  );
}

/** What the server does not know is a dash. */
const known = (value: number | null, format: (value: number) => string) => (value === null ? '–' : format(value));

/** Of clients, as the page of retained messages lists them; the server's own are told beside that. */
function retainedTile({ count, bytes, own_count, own_bytes }: Overview['retained']): { value: string; more: string } {
  const size = formatBytes(Math.max(0, bytes - own_bytes));
  return { value: formatNumber(Math.max(0, count - own_count)), more: own_count === 0 ? size : t('server.retainedMore', { size, n: own_count }) };
}

function Tiles({ now }: { now: Overview }) {
  const tiles: { name: Key; value: string; more: string; isBad?: boolean }[] = [
    { name: 'server.clients', value: formatNumber(now.clients.connected), more: t('server.away', { n: now.clients.away }) },
    { name: 'server.subscriptions', value: formatNumber(now.subscriptions), more: t('server.shared', { n: now.shared_groups }) },
    { name: 'nav.retained', ...retainedTile(now.retained) },
    { name: 'server.queued', value: formatNumber(now.messages.queued), more: now.messages.inflight === null ? '' : t('server.inflight', { n: now.messages.inflight }) },
    { name: 'server.discarded', value: formatNumber(now.messages.discarded), more: t('server.sinceStart') },
    { name: 'server.memory', value: formatBytes(now.memory_bytes), more: t('server.shards', { n: now.shards }) },
  ];
  if (now.log) {
    const { log } = now;
    const free = known(log.disk_free_bytes, formatBytes);
    const room = log.live_bytes === null ? t('server.logFree', { free }) : t('server.logMore', { live: formatBytes(log.live_bytes), free });
    const slow = log.sync_p99_us === null ? '' : t('server.syncMore', { p99: formatMicroseconds(log.sync_p99_us) });
    tiles.push({ name: 'server.log', value: known(log.bytes, formatBytes), more: room, isBad: log.is_full });
    tiles.push({ name: 'server.sync', value: known(log.sync_p50_us, formatMicroseconds), more: slow });
  }
  return (
    <>
      <p class="server-line">
        <Badge tone={now.ready ? 'good' : 'bad'}>{now.ready ? t('server.ready') : t('server.notReady')}</Badge>
        <span class="num">Midge {now.version}</span>
        <span class="num">{t('server.up', { time: formatDuration(Math.max(0, now.now_ms - now.started_ms)) })}</span>
        <span>{now.persistence ? t('server.persistent') : t('server.notPersistent')}</span>
        {now.log?.is_full && <Badge tone="bad">{t('server.diskFull')}</Badge>}
      </p>
      <dl class={`tiles of-${tiles.length}`}>
        {tiles.map((tile) => (
          <div key={tile.name} class={tile.isBad ? 'tile bad' : 'tile'}>
            <dt>{t(tile.name)}</dt>
            <dd class="num">{tile.value}</dd>
            <dd class="hint num">{tile.more}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}

interface Course {
  title: Key;
  lines: { name: string; values: Values }[];
  format: (value: number) => string;
  isBytes?: boolean;
  isWhole?: boolean;
  atLeast?: number;
}

function coursesOf(answer: SeriesAnswer): Course[] {
  const of = (name: string, key: string) => ({ name, values: answer.series[key] ?? [] });
  const perSecond = (value: number) => `${formatRate(value)}/s`;
  const bytesPerSecond = (value: number) => `${formatBytes(value)}/s`;
  const percent = (value: number) => `${formatNumber(value * 100, value < 0.1 ? 1 : 0)} %`;
  const courses: Course[] = [
    { title: 'server.messages', format: perSecond, lines: [of(t('server.receivedLine'), 'messages_received_per_s'), of(t('server.sentLine'), 'messages_sent_per_s')] },
    { title: 'server.bytes', format: bytesPerSecond, isBytes: true, lines: [of(t('server.receivedLine'), 'bytes_received_per_s'), of(t('server.sentLine'), 'bytes_sent_per_s')] },
    { title: 'server.clients', format: formatNumber, isWhole: true, lines: [of(t('clients.connected'), 'clients_connected')] },
    { title: 'server.cpu', format: percent, atLeast: 0.01, lines: answer.shard_cpu.map((values, index) => ({ name: t('server.shard', { n: index }), values })) },
    { title: 'server.memory', format: formatBytes, isBytes: true, lines: [of(t('server.memory'), 'memory_bytes')] },
    { title: 'server.discardedRate', format: perSecond, lines: [of(t('server.discarded'), 'discarded_per_s')] },
    { title: 'server.queued', format: formatNumber, isWhole: true, lines: [of(t('server.queued'), 'queued')] },
    { title: 'server.syncP99', format: formatMicroseconds, lines: [of('p99', 'log_sync_p99_us')] },
    { title: 'server.log', format: formatBytes, isBytes: true, lines: [of(t('server.log'), 'log_bytes')] },
  ];
  // A server without persistence has no log, an older one may not know a series.
  return courses.filter((course) => course.lines.some((line) => line.values.some((value) => value !== null)));
}

function Courses({ answer, lengthMs }: { answer: SeriesAnswer; lengthMs: number }) {
  const courses = useMemo(() => coursesOf(answer), [answer]);
  const [cursorMs, setCursor] = useState<number | null>(null);
  const times = useMemo(() => {
    const length = Math.max(...courses.flatMap((course) => course.lines.map((line) => line.values.length)), 0);
    return Array.from({ length }, (_, index) => answer.start_ms + index * answer.step_s * 1000);
  }, [answer]);
  // The whole window, also of a server that has just started: its time without values is seen as such.
  const end = times.at(-1) ?? answer.start_ms;
  const range: [number, number] = [Math.min(times[0] ?? end, end - lengthMs), end];
  return (
    <div class="courses">
      {courses.map((course) => (
        <CourseCard key={course.title} {...{ course, times, cursorMs, answer, range }} onCursor={setCursor} />
      ))}
    </div>
  );
}

/** All of them fit on a desk's screen; one on a wall is read from afar. */
const courseHeight = () => Math.min(300, 132 + Math.max(0, Math.floor((innerHeight - 900) / 3)));

function CourseCard(props: { course: Course; times: number[]; answer: SeriesAnswer; range: [number, number]; cursorMs: number | null; onCursor: (timeMs: number | null) => void }) {
  const { course, times, answer, range, cursorMs } = props;
  const columns = useMemo(() => course.lines.map((line) => line.values), [answer]);
  const at = cursorMs === null ? times.length - 1 : Math.round((cursorMs - answer.start_ms) / (answer.step_s * 1000));
  void isDark.value;
  return (
    <section class="card course" aria-label={t(course.title)}>
      <header>
        <h3>{t(course.title)}</h3>
        <ul class="course-values">
          {course.lines.map((line, index) => {
            const value = line.values[at];
            return (
              <li key={line.name}>
                {course.lines.length > 1 && <span class="swatch" style={{ background: lineColor(index) }} />}
                {course.lines.length > 1 && <span class="hint">{line.name}</span>}
                <span class="num strong">{value === null || value === undefined ? '–' : course.format(value)}</span>
              </li>
            );
          })}
        </ul>
      </header>
      <Plot
        label={t('server.courseOf', { name: t(course.title), from: formatDateTime(times[0] ?? 0), to: formatTime(times.at(-1) ?? 0) })}
        times={times}
        columns={columns}
        series={course.lines.map((_, index) => ({ color: lineColor(index), isFilled: course.lines.length === 1 }))}
        range={range}
        height={courseHeight()}
        format={course.format}
        isBytes={course.isBytes ?? false}
        isWhole={course.isWhole ?? false}
        {...(course.atLeast === undefined ? {} : { atLeast: course.atLeast })}
        syncKey="server"
        onCursor={props.onCursor}
        fromZero
      />
    </section>
  );
}
