/** The first visit: nothing has been published yet, so say how. */

import { t } from '../../i18n';
import { here, midgePub, mosquittoPub } from '../../state/command';
import { session } from '../../state/session';
import { Command } from '../../ui/controls';
import { Logo } from '../../ui/icons';

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || host.startsWith('127.');

export function Welcome() {
  const elsewhere = session.value?.host_hint;
  return (
    <div class="welcome">
      <Logo size={56} />
      <h2>{t('welcome.title')}</h2>
      <p>{t('welcome.text')}</p>
      <Command text={midgePub()} />
      <p>{t('welcome.orMosquitto')}</p>
      <Command text={mosquittoPub(here())} />
      {isLoopback(here()) && elsewhere && (
        <>
          <p>{t('welcome.elsewhere')}</p>
          <Command text={mosquittoPub(elsewhere)} />
        </>
      )}
      <p class="hint">{t('welcome.then')}</p>
    </div>
  );
}
