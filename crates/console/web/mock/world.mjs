/** Made-up topics, clients and troubles. Values are functions of time, so that history needs no memory. */

const START_MS = Date.now();

/** 0…1, the same for the same input. */
export function noise(seed, at = 0) {
  let x = (Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(at | 0, 0xc2b2ae35)) >>> 0;
  x = Math.imul(x ^ (x >>> 15), 0x2c1b3c6d) >>> 0;
  x = Math.imul(x ^ (x >>> 12), 0x297a2d39) >>> 0;
  return ((x ^ (x >>> 15)) >>> 0) / 2 ** 32;
}

function wave(seed, base, span, periodS) {
  return (ms) => {
    const s = ms / 1000;
    const slow = Math.sin((s / periodS + noise(seed)) * 2 * Math.PI);
    const fast = Math.sin((s / (periodS / 7.3) + noise(seed, 9)) * 2 * Math.PI);
    return base + span * (0.7 * slow + 0.2 * fast + 0.15 * (noise(seed, Math.floor(s)) - 0.5));
  };
}

const round = (value, digits = 1) => Number(value.toFixed(digits));

/** A topic: how often it comes, what it says at a time, whether it is retained. */
const topic = (name, everyMs, payload, more = {}) => ({ name, everyMs, payload, retain: false, ...more });

function house(name, seed) {
  const temperature = wave(seed, 21.5, 3.2, 2400);
  const humidity = wave(seed + 1, 63, 9, 1700);
  const co2 = wave(seed + 2, 620, 140, 1300);
  const fan = (ms) => ({ speed: Math.round(wave(seed + 3, 900, 320, 700)(ms)), on: temperature(ms) > 21 });
  const climate = (ms) => ({
    time: new Date(ms).toISOString(),
    air: { temperature: round(temperature(ms), 2), humidity: round(humidity(ms)), co2: Math.round(co2(ms)) },
    fan: fan(ms),
    soil: [0, 1, 2].map((bed) => ({ bed: bed + 1, moisture: round(wave(seed + 10 + bed, 34, 6, 5200)(ms)) })),
    firmware: '4.2.1',
    serial: '9007199254740993117',
  });
  const below = `greenhouse/${name}/`;
  return [
    topic(below + 'temperature', 1000, (ms) => String(round(temperature(ms))), { retain: true }),
    topic(below + 'humidity', 2000, (ms) => `${round(humidity(ms))} %`, { retain: true }),
    topic(below + 'climate', 1500, (ms) => JSON.stringify(climate(ms)), { contentType: 'application/json' }),
    topic(below + 'door', 21_000, (ms) => (noise(seed, Math.floor(ms / 21_000)) > 0.6 ? 'open' : 'closed'), { retain: true }),
    topic(below + 'fan/speed', 900, (ms) => String(fan(ms).speed)),
    topic(below + 'fan/on', 9000, (ms) => String(fan(ms).on), { retain: true }),
  ];
}

function home() {
  const lamps = [1, 2, 3, 10, 11].map((number) =>
    topic(
      `home/lamp/${number}/state`,
      7000 + number * 900,
      (ms) => JSON.stringify({ on: noise(number, Math.floor(ms / 30_000)) > 0.4, brightness: Math.floor(254 * noise(number, Math.floor(ms / 9000))), color_temp: 370 }),
      { retain: true },
    ),
  );
  return [
    ...lamps,
    topic('home/meter/power', 1000, (ms) => `${Math.round(wave(77, 1400, 700, 900)(ms))} W`),
    topic('home/meter/energy', 5000, (ms) => ((ms - 1.7e12) / 3.6e6 / 100).toFixed(3)),
    topic('zigbee2mqtt/bridge/state', 60_000, () => '{"state":"online"}', { retain: true }),
    topic('zigbee2mqtt/Küche/Fenster', 11_000, (ms) => JSON.stringify({ contact: noise(5, Math.floor(ms / 60_000)) > 0.5, battery: 87, linkquality: Math.floor(60 + 60 * noise(6, Math.floor(ms / 11_000))), voltage: 3005 })),
    topic('工場/第一ライン/温度', 1300, (ms) => String(round(wave(81, 71, 6, 800)(ms)))),
    topic('공장/라인2/압력', 1700, (ms) => String(round(wave(82, 4.1, 0.4, 600)(ms), 2))),
  ];
}

const PIXELS =
  'iVBORw0KGgoAAAANSUhEUgAAABAAAAAQCAIAAACQkWg2AAAAP0lEQVR4nGNgGAWDEPz//x8XGwsgSQPJGvBrIFkDAwMDExMTMYb///+fZBtI0wBnk6ABzQYSbMBlA0EbRgEWAABjLxsNvTcTfAAAAABJRU5ErkJggg==';
const DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 120 80"><script>document.title="harm"</script><rect width="120" height="80" fill="#14352e"/><circle cx="60" cy="40" r="26" fill="#5cc8b0" onclick="alert(1)"/></svg>';

function hostile() {
  const deep = '{"a":'.repeat(5000) + '['.repeat(5000) + '1' + ']'.repeat(5000) + '}'.repeat(5000);
  const long = JSON.stringify({ rows: Array.from({ length: 14_000 }, (_, i) => ({ number: i, name: `row ${i}`, value: noise(i) })) });
  return [
    topic('hostile/html', 4000, () => '<img src=x onerror="document.title=\'harm\'"><script>document.title="harm"</script><b>bold</b>', { retain: true }),
    topic('hostile/deep json', 8000, () => deep, { retain: true }),
    topic('hostile/one megabyte', 9000, (ms) => long.slice(0, 1_000_000 - 20) + ms, { retain: true }),
    topic('hostile/one megabyte of json', 30_000, () => long, { retain: true }),
    topic('hostile/binary', 3000, (ms) => Buffer.from(Array.from({ length: 300 }, (_, i) => Math.floor(256 * noise(i, ms / 3000))))),
    topic('hostile/\u202eright to left\u202c and \u0007 bell', 5000, () => 'a\u202eb\u0000c', { retain: true }),
    topic('hostile/<script>alert(1)</script>', 6000, () => '"; alert(1); "', { retain: true }),
    topic('hostile/' + 'long'.repeat(2000), 7000, () => 'x', { retain: true }),
    topic('hostile//empty//levels/', 7000, () => '', {}),
    topic('camera/yard/small', 10_000, () => Buffer.from(PIXELS, 'base64'), { retain: true }),
    topic('camera/yard/drawing', 10_000, () => DRAWING, { retain: true, contentType: 'image/svg+xml' }),
    topic('camera/yard/events', 5000, (ms) => `${new Date(ms).toISOString()} motion\nzone: gate\nscore: ${round(noise(3, ms), 3)}\n`),
  ];
}

function system() {
  const age = () => Math.floor((Date.now() - START_MS) / 1000);
  return [
    topic('$SYS/broker/version', 60_000, () => 'midge version 0.1.0', { retain: true }),
    topic('$SYS/broker/uptime', 10_000, () => `${age()} seconds`, { retain: true }),
    topic('$SYS/broker/clients/connected', 10_000, () => '287', { retain: true }),
    topic('$SYS/broker/load/messages/received/1min', 10_000, (ms) => wave(90, 5000, 900, 300)(ms).toFixed(2), { retain: true }),
  ];
}

/** The topics with names, in which something is to be seen. */
export const namedTopics = () => [...house('north', 10), ...house('south', 40), ...home(), ...hostile(), ...system()];

/** The name and the value of one of the many. */
export function manyName(index) {
  const site = String(index % 50).padStart(2, '0');
  return `site/${site}/device/${String(Math.floor(index / 50)).padStart(4, '0')}`;
}

export function manyPayload(index, ms) {
  const value = round(20 + 10 * Math.sin(ms / 60_000 + index) + noise(index, ms / 1000), 2);
  return index % 3 === 0 ? String(value) : JSON.stringify({ v: value, n: Math.floor(ms / 1000) % 1000, ok: true });
}

// ------------------------------------------------------------------------------------------------ clients

const USERS = ['ada', 'sensor', 'grace', 'line-3', null];
const ENDS = [
  ['keep alive timeout', 0x8d],
  ['client said DISCONNECT', 0x00],
  ['connection reset by peer', null],
  ['session taken over', 0x8e],
];

export function makeClients() {
  const odd = ['\u202eevil\u202c\u0000client', '<b onmouseover=alert(1)>x</b>', 'x'.repeat(3000)];
  return Array.from({ length: 300 }, (_, index) => {
    const away = index % 9 === 4;
    const secure = index % 4 === 1;
    const websocket = index % 7 === 3;
    const names = [`sensor-${String(index).padStart(3, '0')}`, `plc.line${index % 6}.${index}`, `home-assistant-${index}`, `phone/${index}`];
    const id = index < 3 ? odd[index] : names[index % 4];
    const end = ENDS[index % 4];
    return {
      id,
      state: away ? 'away' : 'connected',
      address: away ? null : index % 11 === 0 ? `[2001:db8::${index.toString(16)}]:${40_000 + index}` : `192.168.${index % 5}.${10 + (index % 200)}:${40_000 + index}`,
      username: USERS[index % 5],
      version: ['5.0', '3.1.1', '3.1.1', '5.0', '3.1'][index % 5],
      transport: websocket ? 'websocket' : 'tcp',
      tls: secure ? { version: 'TLSv1.3', cipher: 'TLS_AES_256_GCM_SHA384' } : null,
      listener: secure ? '8883' : websocket ? '9001' : '1883',
      since_ms: START_MS - Math.floor(noise(index, 1) * 9e7),
      keep_alive_s: 60,
      clean_start: index % 2 === 0,
      session_expiry_s: index % 6 === 0 ? null : index % 2 === 0 ? 0 : 3600,
      subscriptions: 1 + (index % 4),
      inflight: away ? 0 : index % 13 === 0 ? 12 : 0,
      queued: away ? 40 + index : index % 17 === 0 ? 380 : 0,
      queued_bytes: away ? 4000 + index * 90 : 0,
      received_messages: Math.floor(noise(index, 2) * 1e6),
      sent_messages: Math.floor(noise(index, 3) * 1e6),
      received_bytes: Math.floor(noise(index, 2) * 1e8),
      sent_bytes: Math.floor(noise(index, 3) * 1e8),
      received_messages_per_s: away ? null : noise(index, 4) * 30,
      sent_messages_per_s: away ? null : noise(index, 4) * 60,
      discarded: index % 17 === 0 ? 1200 + index : 0,
      last_disconnect: away || index % 5 === 0 ? { time_ms: START_MS - index * 41_000, reason: end[0], reason_code: end[1] } : null,
      speed: noise(index, 4) * 30,
    };
  });
}

/** Counters go on. */
export function moveClients(clients, seconds) {
  for (const client of clients) {
    if (client.state === 'away') continue;
    const count = Math.round(client.speed * seconds * (0.7 + 0.6 * Math.random()));
    client.received_messages += count;
    client.sent_messages += count * 2;
    client.received_bytes += count * 90;
    client.sent_bytes += count * 190;
  }
}

export function subscriptionsOf(client) {
  const filters = ['greenhouse/#', '$share/workers/site/+/device/#', 'home/+/+/set', 'hostile/\u202ex'];
  return filters.slice(0, client.subscriptions).map((filter, index) => ({
    filter,
    qos: index % 3,
    no_local: index === 2,
    retain_as_published: index === 1,
    identifier: index === 1 ? 7 : null,
  }));
}

// ------------------------------------------------------------------------------------------------ problems

const KINDS = [
  ['refused', 'bad user name or password', 0x86, 'Compare the name and the password with the password_file, or set them anew with `midge passwd FILE sensor`.'],
  ['denied', 'may not publish to this topic', 0x87, 'Add `topic write plant/line-3/#` for this user to the acl_file.'],
  ['discarded', 'queue full', null, 'The client is slower than its messages. Raise max_queued_messages, or subscribe to less.'],
  ['disconnected', 'keep alive timeout', 0x8d, 'Nothing was heard from the client for 90 s. Look at its network, or raise its Keep Alive.'],
  ['discarded', 'slow reader', null, 'The client does not read as fast as QoS 0 messages arrive. Use QoS 1, or sample less often.'],
  ['server', 'the certificate of listener 8883 ends in 12 days', null, 'Renew it, then run `midge signal config-reload`.'],
];

export function makeProblems() {
  return Array.from({ length: 240 }, (_, index) => {
    const [kind, reason, reasonCode, remedy] = KINDS[Math.floor(noise(index, 7) * KINDS.length)];
    const isServer = kind === 'server';
    return {
      time_ms: START_MS - index * 47_000 - Math.floor(noise(index, 8) * 40_000),
      kind,
      reason,
      reason_code: reasonCode,
      client_id: isServer ? null : index === 3 ? '\u202eevil\u0000<script>' : `sensor-${String(index % 40).padStart(3, '0')}`,
      address: isServer ? null : `192.168.1.${10 + (index % 90)}:${41_000 + index}`,
      username: isServer ? null : USERS[index % 5],
      topic: kind === 'denied' || kind === 'discarded' ? `plant/line-3/press/${index % 7}` : null,
      count: kind === 'discarded' ? 1 + Math.floor(noise(index, 9) * 900) : 1,
      remedy,
    };
  });
}

// ------------------------------------------------------------------------------------------------ the server itself

export const CONFIG = {
  file: '/etc/midge/mosquitto.conf',
  lines: [
    ['listener', '1883', 12, false],
    ['listener', '8883', 14, false],
    ['certfile', '/etc/letsencrypt/live/mqtt.example.com/fullchain.pem', 15, false],
    ['keyfile', '/etc/letsencrypt/live/mqtt.example.com/privkey.pem', 16, false],
    ['listener', '9001', 18, false],
    ['protocol', 'websockets', 19, false],
    ['console_listener', '9883 127.0.0.1', 21, false],
    ['password_file', '/etc/midge/passwords', 3, false],
    ['acl_file', '/etc/midge/acl', 4, false],
    ['persistence', 'true', 6, false],
    ['allow_anonymous', 'false', null, true],
    ['max_inflight_messages', '20', null, true],
    ['max_queued_messages', '1000', null, true],
    ['max_packet_size', '2097152', null, true],
    ['max_keepalive', '65535', null, true],
    ['persistent_client_expiration', 'never', null, true],
    ['sys_interval', '10', null, true],
  ].map(([directive, value, line, is_default]) => ({ directive, value, line, is_default })),
  warnings: [
    { line: 6, message: '`persistence true` without `autosave_interval`: the log is synced for each turn, which is safe.' },
    { line: 18, message: 'Listener 9001 speaks WebSocket without TLS: passwords cross the network as plain text. Add certfile and keyfile below `listener 9001`.' },
  ],
};

export const LISTENERS = [
  { name: '1883', port: 1883, address: '0.0.0.0', protocol: 'mqtt', tls: false, clients: 171, max_connections: null, anonymous: false },
  { name: '8883', port: 8883, address: '0.0.0.0', protocol: 'mqtt', tls: true, clients: 74, max_connections: 1000, anonymous: false },
  { name: '9001', port: 9001, address: '::', protocol: 'websockets', tls: false, clients: 42, max_connections: null, anonymous: true },
];

export const SINKS = [
  { name: 'influxdb', target: 'http://influx.example.com:8086 bucket greenhouse', state: 'connected', lag_messages: 12, lag_s: 0.4, written: 1_204_551, refused: 3, ignored: 210, last_error: null },
  { name: 'nats', target: 'nats://nats.example.com:4222', state: 'failing', lag_messages: 48_211, lag_s: 312, written: 88_120, refused: 0, ignored: 0, last_error: 'connection refused (os error 111); trying again in 8 s' },
  { name: 'kafka', target: 'kafka.example.com:9092 topic sensors', state: 'waiting', lag_messages: 0, lag_s: 0, written: 0, refused: 0, ignored: 0, last_error: null },
];

const WINDOWS = { '15m': [900, 5], '1h': [3600, 15], '24h': [86_400, 300] };

export function series(window) {
  const [lengthS, stepS] = WINDOWS[window] ?? WINDOWS['15m'];
  const end = Math.floor(Date.now() / 1000 / stepS) * stepS;
  const start = end - lengthS;
  const count = lengthS / stepS;
  const over = (value, missing = true) =>
    // The server was off for a while: a gap, as there is one after a restart.
    Array.from({ length: count }, (_, i) => (missing && i < count * 0.06 ? null : round(value((start + i * stepS) * 1000, i), 2)));
  return {
    start_ms: start * 1000,
    step_s: stepS,
    series: {
      messages_received_per_s: over(wave(1, 5000, 700, lengthS / 4)),
      messages_sent_per_s: over(wave(2, 11_800, 1900, lengthS / 4)),
      discarded_per_s: over((_, i) => (noise(8, i) > 0.96 ? 40 * noise(9, i) : 0)),
      bytes_received_per_s: over(wave(1, 610_000, 90_000, lengthS / 4)),
      bytes_sent_per_s: over(wave(2, 1_900_000, 300_000, lengthS / 4)),
      clients_connected: over((ms) => Math.round(wave(3, 287, 9, lengthS / 2)(ms))),
      memory_bytes: over((ms, i) => 41e6 + i * 2e4 + 1e6 * noise(4, i)),
      log_sync_p99_us: over((ms, i) => 800 + 700 * noise(5, i) + (noise(6, i) > 0.97 ? 9000 : 0)),
      log_bytes: over((ms, i) => 210e6 + (i % 60) * 1e6),
      queued: over(wave(7, 2200, 800, lengthS / 3)),
    },
    shard_cpu: [over((ms) => 0.01 * wave(11, 34, 12, lengthS / 5)(ms)), over((ms) => 0.01 * wave(12, 29, 10, lengthS / 5)(ms))],
  };
}

export function overview(world) {
  const now = Date.now();
  const seconds = (now - START_MS) / 1000;
  return {
    now_ms: now,
    started_ms: START_MS - 4.1e8,
    version: '0.1.0',
    shards: 2,
    persistence: true,
    ready: true,
    clients: { connected: world.clients.filter((one) => one.state === 'connected').length, away: world.clients.filter((one) => one.state === 'away').length, maximum: 301 },
    subscriptions: 812,
    shared_groups: 3,
    retained: { count: world.retained.size + 52, bytes: [...world.retained.values()].reduce((sum, one) => sum + one.payload.length, 2048), own_count: 52, own_bytes: 2048 },
    messages: { received: Math.floor(1.2e9 + seconds * 5000), sent: Math.floor(2.9e9 + seconds * 11_800), discarded: 91_221, queued: 2204, inflight: 48 },
    bytes: { received: Math.floor(1.4e11 + seconds * 6e5), sent: Math.floor(3.3e11 + seconds * 1.9e6) },
    connections: { opened: 40_122, refused: 311 },
    memory_bytes: Math.floor(42.4e6 + 1e6 * noise(4, seconds)),
    log: { bytes: 231e6, live_bytes: 64e6, disk_free_bytes: 71e9, sync_p50_us: 410, sync_p99_us: 1290, is_full: false },
    problems_last_hour: world.problems.filter((one) => one.time_ms > now - 3.6e6).length,
  };
}
