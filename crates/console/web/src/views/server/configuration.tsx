/** The configuration as it is in force, what is doubtful in it, and the listeners that come of it. */

import { useState } from 'preact/hooks';
import { get } from '../../api/client';
import type { Configuration, Listener } from '../../api/types';
import { formatNumber, t } from '../../i18n';
import { plain } from '../../payload/text';
import { Badge, Breakable, Check, Failure, Loading, Sentence } from '../../ui/controls';
import { Icon } from '../../ui/icons';
import { usePolled } from '../../ui/polling';

export function ConfigurationPart() {
  const config = usePolled(() => get<Configuration>('config'), 'config', 15_000);
  const listeners = usePolled(() => get<Listener[]>('listeners'), 'listeners', 5000);
  if (config.error && !config.data) return <Failure message={config.error.message} onRetry={config.refresh} />;
  if (config.data === null || (listeners.data === null && listeners.error === null)) return <Loading rows={14} />;
  return (
    <>
      <Warnings config={config.data} />
      <h2>{t('server.listeners')}</h2>
      {listeners.data ? <Listeners listeners={listeners.data} /> : <Failure message={listeners.error!.message} onRetry={listeners.refresh} />}
      <h2>{t('server.inForce')}</h2>
      <Lines config={config.data} />
    </>
  );
}

function Warnings({ config }: { config: Configuration }) {
  if (config.warnings.length === 0) return null;
  return (
    <section aria-label={t('server.warnings')}>
      <ul class="warnings">
        {config.warnings.map((warning, index) => (
          <li key={index}>
            <Icon name="problems" size={18} />
            <div>
              <p>
                {warning.line !== null && <span class="num hint">{t('server.line', { n: String(warning.line) })} </span>}
                <Sentence text={warning.message} />
              </p>
            </div>
          </li>
        ))}
      </ul>
    </section>
  );
}

const PROTOCOLS: Record<string, string | undefined> = { mqtt: 'MQTT', websockets: 'WebSocket', http_api: 'HTTP' };

function Listeners({ listeners }: { listeners: Listener[] }) {
  return (
    <div class="table-frame card" tabIndex={0} role="group" aria-label={t('server.listeners')}>
      <table class="data">
        <thead>
          <tr>
            <th scope="col">{t('server.port')}</th>
            <th scope="col">{t('clients.address')}</th>
            <th scope="col">{t('clients.protocol')}</th>
            <th scope="col">TLS</th>
            <th scope="col">{t('server.anonymous')}</th>
            <th scope="col" class="num">{t('nav.clients')}</th>
            <th scope="col" class="num">{t('server.most')}</th>
          </tr>
        </thead>
        <tbody>
          {listeners.map((one, index) => (
            <tr key={index}>
              <th scope="row" class="strong">{one.port}</th>
              <td class="mono">{plain(one.address, 80)}</td>
              <td>{PROTOCOLS[one.protocol] ?? plain(one.protocol, 30)}</td>
              <td>{one.tls ? <Badge tone="good">TLS</Badge> : t('common.no')}</td>
              <td>{one.anonymous ? <Badge tone="warn">{t('common.yes')}</Badge> : t('common.no')}</td>
              <td class="num">{formatNumber(one.clients)}</td>
              <td class="num">{one.max_connections === null ? '–' : formatNumber(one.max_connections)}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Lines({ config }: { config: Configuration }) {
  const [withDefaults, setDefaults] = useState(false);
  const lines = config.lines.filter((line) => withDefaults || !line.is_default);
  return (
    <>
      <div class="toolbar">
        <span class="mono hint">{config.file === null ? t('server.noFile') : plain(config.file, 300)}</span>
        <span class="grow" />
        <Check checked={withDefaults} onChange={setDefaults}>
          {t('server.withDefaults')}
        </Check>
      </div>
      {lines.length === 0 ? (
        <p class="hint">{t('server.onlyDefaults')}</p>
      ) : (
        <div class="table-frame card" tabIndex={0} role="group" aria-label={t('server.inForce')}>
          <table class="data config">
            <thead>
              <tr>
                <th scope="col" class="num">{t('server.lineHead')}</th>
                <th scope="col">{t('server.directive')}</th>
                <th scope="col">{t('topic.value')}</th>
              </tr>
            </thead>
            <tbody>
              {lines.map((line, index) => (
                <tr key={index} class={line.is_default ? 'default' : undefined}>
                  <td class="num hint">{line.line ?? t('server.default')}</td>
                  <th scope="row" class="mono"><Breakable text={plain(line.directive, 100)} /></th>
                  <td class="mono"><Breakable text={plain(line.value, 400)} /></td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </>
  );
}
