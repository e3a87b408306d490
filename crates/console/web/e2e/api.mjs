/** The console's HTTP interface, as whoever MIDGE_USER is. */

import { BASE, PASSWORD, USER } from './browser.mjs';

const authorization = USER === null ? {} : { Authorization: 'Basic ' + Buffer.from(`${USER}:${PASSWORD}`).toString('base64') };

export async function api(path, body) {
  const method = body === undefined ? 'GET' : 'POST';
  const headers = { ...authorization, 'Content-Type': 'application/json', Origin: new URL(BASE).origin };
  const response = await fetch(`${BASE}api/midge/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? null : response.json();
}

/** Stories use topics below this one. */
export const ROOT = `console-e2e/${Date.now().toString(36)}`;

export const publish = (topic, payload, more = {}) => api('publish', { topic: `${ROOT}/${topic}`, payload, qos: 0, retain: false, properties: {}, ...more });

export const isMock = () => api('session').then((session) => session.host_hint === '192.168.1.5');
