/** A server for developing and testing the page: its files from `dist`, the HTTP interface, MQTT over WebSocket. */

import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Broker, matches } from './broker.mjs';
import { options } from './options.mjs';
import * as made from './world.mjs';

const chosen = options();
const dist = fileURLToPath(new URL('../dist', import.meta.url));
const CSP = "default-src 'self'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; connect-src 'self' ws: wss:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
const TYPES = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript', '.css': 'text/css', '.svg': 'image/svg+xml', '.txt': 'text/plain' };
const USERS = { ada: { password: 'secret', change: true }, eve: { password: 'eve', change: false } };

const world = {
  named: chosen.empty ? [] : made.namedTopics(),
  clients: chosen.empty ? [] : made.makeClients(),
  problems: chosen.empty ? [] : made.makeProblems(),
  retained: new Map(),
  messages: new Map(),
  retain(topic, payload) {
    if (payload.length === 0) this.retained.delete(topic);
    else this.retained.set(topic, { payload, stored_ms: Date.now() });
  },
  seen(topic) {
    const one = this.messages.get(topic) ?? { count: 0, ms: 0 };
    this.messages.set(topic, { count: one.count + 1, ms: Date.now() });
  },
  /** Null: not let in. */
  user(name, password) {
    if (name === null) return chosen.login ? null : { name: null, change: true };
    const known = USERS[name];
    return known && known.password === password ? { name, change: known.change } : null;
  },
};
for (const topic of world.named) if (topic.retain) world.retain(topic.name, Buffer.from(topic.payload(Date.now())));
const broker = new Broker(chosen, world);
setInterval(() => made.moveClients(world.clients, 1), 1000);

let awayUntilMs = 0;
let wrongLogins = 0;

class Refusal extends Error {
  constructor(status, error, message, more = {}) {
    super(message);
    this.status = status;
    this.body = { error, message, ...more };
  }
}

function page(items, query) {
  const from = Number(query.get('cursor') ?? 0);
  const limit = Math.min(Number(query.get('limit') ?? 100), 1000);
  return { items: items.slice(from, from + limit), next: from + limit < items.length ? String(from + limit) : null };
}

function sorted(items, query) {
  const [key, direction] = [query.get('sort'), query.get('order') === 'desc' ? -1 : 1];
  const compare = (one, other) => (typeof one === 'string' ? one.localeCompare(other) : one - other);
  const known = items.filter((one) => one[key] !== null).sort((one, other) => direction * compare(one[key], other[key]));
  const all = [...known, ...items.filter((one) => one[key] === null)];
  return { items: all.slice(0, Number(query.get('limit') ?? 100)), next: null, total: all.length };
}

const has = (search, ...texts) => !search || texts.some((text) => text?.toLowerCase().includes(search.toLowerCase()));

function retainedList(filter) {
  const all = [...world.retained].map(([topic, one]) => ({
    topic,
    bytes: one.payload.length,
    qos: 1,
    payload_base64: one.payload.subarray(0, 256).toString('base64'),
    truncated: one.payload.length > 256,
    stored_ms: one.stored_ms,
    expires_ms: topic.endsWith('door') ? Date.now() + 86_400_000 : null,
    publisher: 'sensor-007',
  }));
  return all.filter((one) => !filter || matches(filter, one.topic)).sort((a, b) => (a.topic < b.topic ? -1 : 1));
}

function history(query) {
  if (!chosen.history) throw new Refusal(404, 'no_history', 'This server keeps no history.');
  const topic = world.named.find((one) => one.name === query.get('topic'));
  const since = Math.max(Number(query.get('since_ms') ?? 0), Date.now() - 86_400_000);
  const points = [];
  if (topic) {
    const many = String(topic.payload(0)).length > 100_000;
    const step = Math.max(topic.everyMs, (Date.now() - since) / (many ? 5 : 4000));
    for (let ms = since; ms < Date.now(); ms += step) points.push([Math.floor(ms), topic.payload(ms)]);
  }
  const field = query.get('field');
  if (field === null) {
    const items = points.map(([time_ms, payload]) => ({ time_ms, payload_bytes: Buffer.byteLength(payload), truncated: false, payload_base64: Buffer.from(payload).toString('base64'), count: 1 }));
    return { topic: query.get('topic'), points: items, from_ms: since, complete: true };
  }
  const value = (payload) => field.split('.').reduce((at, key) => at?.[key], JSON.parse(payload));
  return { points: points.map(([ms, payload]) => [ms, Number(value(payload))]) };
}

function deleteRetained(body) {
  const wanted = retainedList(body.filter).filter((one) => !body.topics || body.topics.includes(one.topic));
  const topics = wanted.map((one) => one.topic);
  if (!body.dry_run) for (const topic of topics) broker.publish(topic, Buffer.alloc(0), true);
  return { count: topics.length, sample: topics.slice(0, 20), deleted: body.dry_run ? 0 : topics.length };
}

function problems(query) {
  const [kind, search] = [query.get('kind'), query.get('search')];
  const found = world.problems.filter(
    (one) => (!kind || one.kind === kind) && has(search, one.client_id, one.reason, one.address, one.topic, one.username),
  );
  const totals = new Map();
  for (const one of world.problems) {
    const key = `${one.kind} ${one.reason}`;
    const total = totals.get(key) ?? { kind: one.kind, reason: one.reason, count: 0 };
    total.count += one.count;
    totals.set(key, total);
  }
  return { ...page(found, query), totals: [...totals.values()] };
}

function explain(body) {
  const denied = body.access === 'publish' && body.topic.startsWith('plant/');
  return {
    allowed: !denied,
    rule: denied ? null : { file: '/etc/midge/acl', line: 14, text: 'topic readwrite greenhouse/#' },
    why: denied ? `No rule lets ${body.username || 'anonymous clients'} publish to ${body.topic}.` : 'Line 14 of the acl_file allows it.',
    listener: body.listener ?? '1883',
  };
}

function client(path) {
  const found = world.clients.find((one) => one.id === decodeURIComponent(path.split('/')[1]));
  if (!found) throw new Refusal(404, 'not_found', 'There is no such client.');
  return found;
}

const GET = {
  overview: () => made.overview(world),
  series: (query) => made.series(query.get('window')),
  clients: (query) => {
    const state = query.get('state') ?? 'all';
    const search = query.get('search');
    const found = world.clients.filter((one) => (state === 'all' || one.state === state) && has(search, one.id, one.address, one.username));
    return query.has('sort') ? sorted(found, query) : page(found, query);
  },
  subscriptions: (query) => page(world.clients.flatMap((one) => made.subscriptionsOf(one).map((s) => ({ client_id: one.id, filter: s.filter, qos: s.qos, share: null }))), query),
  retained: (query) => page(retainedList(query.get('filter')), query),
  topics: (query) => page([...world.messages].map(([topic, one]) => ({ topic, last_ms: one.ms, messages: one.count, retained: world.retained.has(topic), payload_base64: null, payload_bytes: null })), query),
  history,
  problems,
  listeners: () => made.LISTENERS,
  config: () => made.CONFIG,
  sinks: () => (chosen.empty ? [] : made.SINKS),
  version: () => ({ version: '0.1.0', protocols: ['3.1', '3.1.1', '5.0'] }),
  health: () => ({ ready: true, checks: [{ name: 'log', ok: true, message: 'written and synced' }] }),
};

const POST = {
  'retained/delete': deleteRetained,
  publish: (body) => {
    const payload = body.payload_base64 ? Buffer.from(body.payload_base64, 'base64') : Buffer.from(body.payload ?? '');
    return { matched: broker.publish(body.topic, payload, body.retain === true) };
  },
  explain,
};

function userOf(request) {
  const [kind, value] = (request.headers.authorization ?? '').split(' ');
  if (kind !== 'Basic') return world.user(null, null);
  const [name, ...password] = Buffer.from(value, 'base64').toString().split(':');
  const user = world.user(name, password.join(':'));
  if (user !== null) {
    wrongLogins = 0;
    return user;
  }
  if (++wrongLogins > 5) throw new Refusal(429, 'too_many_attempts', 'Too many wrong passwords.', { retry_after_s: 20 });
  throw new Refusal(401, 'login', 'The user name or the password is wrong.');
}

function session(user) {
  return {
    username: user?.name ?? null,
    can_see: user !== null,
    can_change: user?.change ?? false,
    anonymous: !chosen.login,
    version: '0.1.0',
    mqtt_port: 1883,
    mqtt_tls_port: 8883,
    websocket_path: '/mqtt',
    host_hint: '192.168.1.5',
    program: null,
    history: chosen.history,
  };
}

async function api(request, path, query) {
  const user = userOf(request);
  if (path === 'session') return session(user);
  if (user === null) throw new Refusal(401, 'login', 'Log in first.');
  if (request.method === 'GET') {
    if (path.startsWith('clients/')) return { ...client(path), subscription_list: made.subscriptionsOf(client(path)) };
    if (GET[path]) return GET[path](query);
  } else {
    if (!user.change) throw new Refusal(403, 'forbidden', 'You may look, but not change anything.');
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}');
    if (path.endsWith('/disconnect')) {
      client(path).state = 'away';
      return null;
    }
    if (POST[path]) return POST[path](body);
  }
  throw new Refusal(404, 'not_found', `There is nothing at ${path}.`);
}

async function answer(request, response) {
  const url = new URL(request.url, 'http://mock');
  if (url.pathname === '/mock/lose') {
    const chunks = [];
    for await (const chunk of request) chunks.push(chunk);
    awayUntilMs = Date.now() + JSON.parse(Buffer.concat(chunks).toString()).ms;
    broker.dropAll();
    response.end('{}');
  } else if (Date.now() < awayUntilMs) {
    request.socket.destroy();
  } else if (url.pathname.startsWith('/api/midge/v1/')) {
    const body = await api(request, url.pathname.slice('/api/midge/v1/'.length), url.searchParams);
    response.writeHead(body === null ? 204 : 200, { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' });
    response.end(body === null ? '' : JSON.stringify(body));
  } else {
    await file(url.pathname === '/' ? '/index.html' : url.pathname, response);
  }
}

async function file(path, response) {
  const bytes = await readFile(join(dist, normalize(path))).catch(() => null);
  if (bytes === null) throw new Refusal(404, 'not_found', `There is nothing at ${path}.`);
  response.writeHead(200, { 'Content-Type': TYPES[extname(path)] ?? 'application/octet-stream', 'Content-Security-Policy': CSP, 'X-Content-Type-Options': 'nosniff' });
  response.end(bytes);
}

const server = createServer((request, response) => {
  answer(request, response).catch((error) => {
    const refusal = error instanceof Refusal ? error : new Refusal(500, 'mock', String(error.stack ?? error));
    if (refusal.status === 500) console.error(error);
    response.writeHead(refusal.status, { 'Content-Type': 'application/json' });
    response.end(JSON.stringify(refusal.body));
  });
});
server.on('upgrade', (request, socket, head) => {
  if (request.url !== '/mqtt' || Date.now() < awayUntilMs) socket.destroy();
  else broker.upgrade(request, socket, head);
});
server.listen(chosen.port, '127.0.0.1', () => console.log(`http://127.0.0.1:${chosen.port}/`));
