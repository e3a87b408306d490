/** The first visit: nothing has been published yet, so say how. */

import { t } from '../../i18n';
import { credentials } from '../../api/client';
import { session } from '../../state/session';
import { Command } from '../../ui/controls';
import { Logo } from '../../ui/icons';

const isLoopback = (host: string) => host === 'localhost' || host === '::1' || host.startsWith('127.');

/** A word of a command line. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** What a command needs to reach this server: as the page was reached, or from elsewhere. */
function target(host: string): string {
  const { mqtt_port: port, mqtt_tls_port: tlsPort } = session.value ?? { mqtt_port: 1883, mqtt_tls_port: null };
  const words = ['-h', quoted(host)];
  if (port !== null) words.push('-p', String(port));
  else if (tlsPort !== null) words.push('-p', String(tlsPort), '--tls-use-os-certs');
  const user = credentials.value?.username;
  if (user !== undefined) words.push('-u', quoted(user), '-P', t('welcome.password'));
  return words.join(' ');
}

export function Welcome() {
  const here = location.hostname.replace(/^\[|\]$/g, '');
  const elsewhere = session.value?.host_hint;
  const message = '-t greenhouse/north/temperature -m 21.5';
  return (
    <div class="welcome">
      <Logo size={56} />
      <h2>{t('welcome.title')}</h2>
      <p>{t('welcome.text')}</p>
      <Command text={`${quoted(session.value?.program ?? 'midge')} pub ${target(here)} ${message}`} />
      <p>{t('welcome.orMosquitto')}</p>
      <Command text={`mosquitto_pub ${target(here)} ${message}`} />
      {isLoopback(here) && elsewhere && (
        <>
          <p>{t('welcome.elsewhere')}</p>
          <Command text={`mosquitto_pub ${target(elsewhere)} ${message}`} />
        </>
      )}
      <p class="hint">{t('welcome.then')}</p>
    </div>
  );
}
