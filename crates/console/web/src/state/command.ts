/** Commands for a terminal, as they have to be there where the page is looked at. */

import { credentials } from '../api/client';
import { t } from '../i18n';
import { session } from './session';

/** By what the page was reached. */
export const here = () => location.hostname.replace(/^\[|\]$/g, '');

/** A word of a command line. */
function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

/** What a command needs to reach this server by a host's name. */
function target(host: string): string {
  const { mqtt_port: port, mqtt_tls_port: tlsPort } = session.value ?? { mqtt_port: 1883, mqtt_tls_port: null };
  const words = ['-h', quoted(host)];
  if (port !== null) words.push('-p', String(port));
  else if (tlsPort !== null) words.push('-p', String(tlsPort), '--tls-use-os-certs');
  const user = credentials.value?.username;
  if (user !== undefined) words.push('-u', quoted(user), '-P', t('welcome.password'));
  return words.join(' ');
}

const EXAMPLE = 'greenhouse/north/temperature';

/** Publishes a number with `midge`. A topic of a stranger that a terminal could take for something else is not handed on. */
export function midgePub(topic = EXAMPLE): string {
  const safe = /^[\w ./-]{1,200}$/.test(topic) ? topic : EXAMPLE;
  return `${quoted(session.value?.program ?? 'midge')} pub ${target(here())} -t ${quoted(safe)} -m 21.5`;
}

/** The same with Mosquitto's program. */
export const mosquittoPub = (host: string) => `mosquitto_pub ${target(host)} -t ${EXAMPLE} -m 21.5`;
