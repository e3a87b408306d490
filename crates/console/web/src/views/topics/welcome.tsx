/** The first visit: nothing has been published yet, so say how. */

import { get } from '../../api/client';
import type { Listener } from '../../api/types';
import { t } from '../../i18n';
import { here, midgePub, mosquittoPub } from '../../state/command';
import { session } from '../../state/session';
import { Command } from '../../ui/controls';
import { Logo } from '../../ui/icons';
import { usePolled } from '../../ui/polling';

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || host.startsWith('127.');

/** Whether what is published to by commands can be reached from another machine. */
function isReachable(listeners: Listener[]): boolean {
  const port = session.value?.mqtt_port ?? session.value?.mqtt_tls_port;
  return listeners.some((one) => one.protocol === 'mqtt' && one.port === port && !isLoopback(one.address));
}

export function Welcome() {
  const listeners = usePolled(() => get<Listener[]>('listeners'), 'listeners', 60_000);
  const elsewhere = isReachable(listeners.data ?? []) ? session.value?.host_hint : null;
  return (
    <div class="welcome">
      <Logo size={56} />
      <h2>{t('welcome.title')}</h2>
      <p>{t('welcome.text')}</p>
      <Command text={midgePub()} />
      <p>{t('welcome.orMosquitto')}</p>
      <Command text={mosquittoPub(here())} />
      <p class="hint">{t('welcome.then')}</p>
      {isLoopback(here()) && elsewhere && (
        <>
          <p>{t('welcome.elsewhere')}</p>
          <Command text={mosquittoPub(elsewhere)} />
        </>
      )}
    </div>
  );
}
