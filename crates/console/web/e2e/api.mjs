/** The console's HTTP interface, as whoever MIDGE_USER is. */

import { BASE, PASSWORD, USER } from './browser.mjs';

export const authorization = USER === null ? {} : { Authorization: 'Basic ' + Buffer.from(`${USER}:${PASSWORD}`).toString('base64') };

export async function api(path, body) {
  const method = body === undefined ? 'GET' : 'POST';
  const headers = { ...authorization, 'Content-Type': 'application/json', Origin: new URL(BASE).origin };
  const response = await fetch(`${BASE}api/midge/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response.status === 204 ? null : response.json();
}
