/** The shapes of the console's HTTP interface, `/api/midge/v1`. Times are ms since 1970; null is what the server does not know. */

export interface Session {
  username: string | null;
  can_see: boolean;
  can_change: boolean;
  anonymous: boolean;
  version: string;
  mqtt_port: number | null;
  mqtt_tls_port: number | null;
  websocket_path: string;
  host_hint: string | null;
  /** What `midge` is called in a terminal of the machine that the server and the browser are on; null from elsewhere. */
  program: string | null;
  history: boolean;
}

export interface Overview {
  now_ms: number;
  started_ms: number;
  version: string;
  shards: number;
  persistence: boolean;
  ready: boolean;
  clients: { connected: number; away: number; maximum: number };
  subscriptions: number;
  shared_groups: number;
  /** `own_…`: of those, what the server says of itself below `$SYS`. */
  retained: { count: number; bytes: number; own_count: number; own_bytes: number };
  messages: { received: number; sent: number; discarded: number; queued: number; inflight: number | null };
  bytes: { received: number; sent: number };
  connections: { opened: number; refused: number };
  memory_bytes: number;
  log: null | {
    bytes: number | null;
    live_bytes: number | null;
    disk_free_bytes: number | null;
    sync_p50_us: number | null;
    sync_p99_us: number | null;
    is_full: boolean;
  };
  problems_last_hour: number;
}

export type Values = (number | null)[];

export interface SeriesAnswer {
  start_ms: number;
  step_s: number;
  series: Record<string, Values>;
  shard_cpu: Values[];
}

export interface List<T> {
  items: T[];
  next: string | null;
  /** How many there are, of a list that is sorted. */
  total?: number;
}

export interface Client {
  id: string;
  state: 'connected' | 'away';
  address: string | null;
  username: string | null;
  version: string | null;
  transport: string | null;
  tls: null | { version: string; cipher: string };
  listener: string | null;
  since_ms: number | null;
  keep_alive_s: number | null;
  clean_start: boolean | null;
  session_expiry_s: number | null;
  subscriptions: number;
  inflight: number;
  queued: number;
  queued_bytes: number;
  received_messages: number;
  sent_messages: number;
  received_bytes: number;
  sent_bytes: number;
  /** In a list that is sorted; null where it is looked for the first time. */
  received_messages_per_s: number | null;
  sent_messages_per_s: number | null;
  discarded: number;
  last_disconnect: null | { time_ms: number; reason: string; reason_code: number | null };
}

export interface ClientSubscription {
  filter: string;
  qos: number;
  no_local: boolean | null;
  retain_as_published: boolean | null;
  identifier: number | null;
}

export interface ClientDetail extends Client {
  subscription_list: ClientSubscription[];
}

export interface Retained {
  topic: string;
  bytes: number;
  qos: number;
  payload_base64: string | null;
  truncated: boolean;
  stored_ms: number | null;
  expires_ms: number | null;
  publisher: string | null;
}

export interface RetainedDeletion {
  count: number;
  sample: string[];
  deleted: number;
}

export interface KnownTopic {
  topic: string;
  last_ms: number | null;
  messages: number | null;
  retained: boolean;
  /** The beginning of the newest payload. */
  payload_base64: string | null;
  payload_bytes: number | null;
}

export interface HistoryAnswer {
  topic: string;
  points: { time_ms: number; payload_base64: string; payload_bytes: number; truncated: boolean; count: number }[];
  from_ms: number;
  complete: boolean;
}

export interface FieldHistoryAnswer {
  points: [number, number][];
}

export type ProblemKind = 'refused' | 'denied' | 'discarded' | 'disconnected' | 'server';

export interface Problem {
  time_ms: number;
  kind: ProblemKind;
  reason: string;
  reason_code: number | null;
  client_id: string | null;
  address: string | null;
  username: string | null;
  topic: string | null;
  count: number;
  remedy: string | null;
}

export interface Problems extends List<Problem> {
  totals: { kind: ProblemKind; reason: string; count: number }[];
}

export interface Listener {
  name: string;
  port: number;
  address: string;
  protocol: string;
  tls: boolean;
  clients: number;
  max_connections: number | null;
  anonymous: boolean;
}

export interface Configuration {
  file: string | null;
  lines: { directive: string; value: string; line: number | null; is_default: boolean }[];
  warnings: { line: number | null; message: string }[];
}

export interface Explanation {
  allowed: boolean;
  rule: null | { file: string; line: number; text: string };
  why: string;
  /** The name of the one that was asked. */
  listener: string;
}

export interface Sink {
  name: string;
  target: string;
  state: 'connected' | 'waiting' | 'failing' | 'off';
  lag_messages: number;
  lag_s: number;
  written: number;
  refused: number;
  ignored: number;
  last_error: string | null;
}
