/** Where messages are written to besides, and how far behind that is. */

import { get } from '../../api/client';
import type { Overview, Sink } from '../../api/types';
import { formatDuration, formatNumber, said, t } from '../../i18n';
import { plain } from '../../payload/text';
import { Badge, Empty, Failure, Loading, Sentence } from '../../ui/controls';
import { usePolled } from '../../ui/polling';

const TONES = { connected: 'good', waiting: 'warn', failing: 'bad', off: 'quiet' } as const;

/** Where it is said what a sink writes to. */
const DIRECTIVES: Record<string, string | undefined> = { influxdb: 'influxdb_url', webhook: 'webhook_url', file: 'file_sink' };

interface Answer {
  sinks: Sink[];
  /** Whether messages wait on disk; null while nobody needs to know. */
  isPersistent: boolean | null;
}

async function ask(): Promise<Answer> {
  const sinks = await get<Sink[]>('sinks');
  const isPersistent = sinks.some((sink) => sink.state === 'failing') ? (await get<Overview>('overview')).persistence : null;
  return { sinks, isPersistent };
}

export function Sinks() {
  const polled = usePolled(ask, 'sinks', 3000);
  if (polled.error && !polled.data) return <Failure message={polled.error.message} onRetry={polled.refresh} />;
  if (polled.data === null) return <Loading rows={4} />;
  const { sinks, isPersistent } = polled.data;
  if (sinks.length === 0) {
    return (
      <Empty icon="server" title={t('sinks.none')}>
        <p>{t('sinks.noneHint')}</p>
      </Empty>
    );
  }
  return (
    <ul class="sinks">
      {sinks.map((sink, index) => (
        <li key={index} class="card">
          <header>
            <h2>{plain(sink.name, 80)}</h2>
            <Badge tone={TONES[sink.state] ?? 'quiet'}>{sink.state in TONES ? t(`sinks.${sink.state}`) : plain(sink.state, 20)}</Badge>
          </header>
          <p class="mono hint wrap">{plain(sink.target, 300)}</p>
          <dl class="tiles small">
            <div class={sink.lag_s > 60 ? 'tile bad' : 'tile'}>
              <dt>{t('sinks.lag')}</dt>
              <dd class="num">{formatNumber(sink.lag_messages)}</dd>
              <dd class="hint num">{formatDuration(sink.lag_s * 1000)}</dd>
            </div>
            <Count name={t('sinks.written')} value={sink.written} />
            <Count name={t('sinks.refused')} value={sink.refused} />
            <Count name={t('sinks.ignored')} value={sink.ignored} />
          </dl>
          {sink.last_error && <p class="fault">{plain(said(sink.last_error), 400)}</p>}
          {sink.state === 'failing' && (
            <p>
              {t(isPersistent ? 'sinks.waitsOnDisk' : 'sinks.waitsInMemory')} <Sentence text={remedy(sink)} />
            </p>
          )}
        </li>
      ))}
    </ul>
  );
}

function remedy(sink: Sink): string {
  const directive = DIRECTIVES[sink.name];
  return directive === undefined ? t('sinks.seeLog') : t('sinks.see', { directive });
}

const Count = ({ name, value }: { name: string; value: number }) => (
  <div class="tile">
    <dt>{name}</dt>
    <dd class="num">{formatNumber(value)}</dd>
  </div>
);
