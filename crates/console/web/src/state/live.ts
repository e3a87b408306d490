/** What comes over MQTT: the tree of all topics, and those that somebody looks at closely. */

import { effect, signal } from '@preact/signals';
import { ApiError, credentials, get } from '../api/client';
import type { KnownTopic, List } from '../api/types';
import { MqttLink, type LinkState, type Published } from '../mqtt/client';
import type { Outgoing, Publish } from '../mqtt/codec';
import { readSample } from '../mqtt/sample';
import { WholePayloads } from '../mqtt/whole';
import { fromBase64 } from '../payload/text';
import { TopicTree } from '../topics/tree';
import type { Message } from '../topics/history';
import { login, session } from './session';

/** One value for each topic and half a second is more than anybody reads. */
const TREE_SAMPLE_MS = 500;
/** A page that nobody sees keeps up, but lets the server rest. */
const HIDDEN_SAMPLE_MS = 5000;
const CLOSE_SAMPLE_MS = 100;
const TREE = 1;
const CLOSE = 2;
const WHOLE = 3;
const TREE_FILTERS = ['#', '$SYS/#'];

export const tree = new TopicTree();
export const link = signal<LinkState>({ name: 'off' });
/** Filters that the server does not let us subscribe to. */
export const refusedFilters = signal<Map<string, number>>(new Map());
/** Set with each tick of the rates, for whoever shows numbers of the whole. */
export const overall = signal({ rate: 0, messages: 0 });
/** Messages of the whole in each second of the last minutes. */
export const rateHistory = signal<number[]>([]);

let connectedMs = Infinity;
let wasConnected = false;
/** Whether what is retained has had the time to come, so that an empty tree means that there is nothing. */
export const isSettled = () => performance.now() - connectedMs > 1500;

/** Topics that somebody looks at closely, and who. */
const listeners = new Map<string, Set<(message: Message) => void>>();
let mqtt: MqttLink | null = null;
const wholePayloads = new WholePayloads<Message>({
  begin: (topic) => mqtt?.beginWhole(topic, WHOLE),
  end: (topic) => mqtt?.endWhole(topic),
  tell: (topic, message) => listeners.get(topic)?.forEach((listener) => listener(message)),
});

function received(publish: Publish) {
  const identifiers = publish.subscriptionIdentifiers;
  const isWhole = identifiers.includes(WHOLE);
  const [isForTree, isClose] =
    identifiers.length === 0 ? [true, true] : [identifiers.includes(TREE), identifiers.includes(CLOSE)];
  const { count, payloadBytes, isRetained, userProperties, ...sample } = readSample(publish, isWhole);
  const timeMs = sample.timeMs ?? Date.now();
  if (isForTree) tree.arrive({ topic: publish.topic, payload: publish.payload, payloadBytes, isRetained, count, timeMs });
  if (!(isClose || isWhole) || !listeners.has(publish.topic)) return;
  const message: Message = {
    timeMs,
    payload: publish.payload.slice(),
    payloadBytes,
    count,
    retain: count === 0,
    qos: publish.qos,
    contentType: publish.contentType,
    responseTopic: publish.responseTopic,
    messageExpiryIntervalS: publish.messageExpiryIntervalS,
    userProperties,
  };
  if (isWhole) wholePayloads.whole(publish.topic, message);
  else wholePayloads.sampled(publish.topic, message);
}

/** Has each message of a topic told as it comes (at most one in a tenth of a second), until the answer is called. */
export function listen(topic: string, listener: (message: Message) => void): () => void {
  const all = listeners.get(topic) ?? new Set();
  listeners.set(topic, all.add(listener));
  mqtt?.subscribe({ filter: topic, identifier: CLOSE, sampleMs: CLOSE_SAMPLE_MS });
  return () => {
    all.delete(listener);
    if (all.size > 0) return;
    listeners.delete(topic);
    wholePayloads.forget(topic);
    mqtt?.unsubscribe(topic);
  };
}

function subscribeTree() {
  const sampleMs = document.hidden ? HIDDEN_SAMPLE_MS : TREE_SAMPLE_MS;
  for (const filter of TREE_FILTERS) mqtt?.subscribe({ filter, identifier: TREE, sampleMs });
}

function connected() {
  wholePayloads.clear();
  // What is retained comes anew, where it comes at all; what was cleared in between does not.
  if (wasConnected && !refusedFilters.peek().has('#')) tree.forgetAllRetained();
  wasConnected = true;
}

function connect() {
  mqtt?.stop();
  mqtt = null;
  if (login.value.name !== 'in' || session.value === null) return;
  const url = new URL(session.value.websocket_path.replace(/^\//, ''), location.href);
  url.protocol = location.protocol === 'https:' ? 'wss:' : 'ws:';
  url.hash = '';
  refusedFilters.value = new Map();
  mqtt = new MqttLink(url.href, credentials.peek(), {
    state: (state) => {
      link.value = state;
      if (state.name === 'connected') connected();
      connectedMs = state.name === 'connected' ? performance.now() : Infinity;
    },
    publish: received,
    refused: (filter, reasonCode) => (refusedFilters.value = new Map(refusedFilters.value).set(filter, reasonCode)),
  });
  subscribeTree();
  for (const topic of listeners.keys()) mqtt.subscribe({ filter: topic, identifier: CLOSE, sampleMs: CLOSE_SAMPLE_MS });
  mqtt.start();
}

/** Publishes with the rights of who is looking. */
export const publish = (message: Outgoing): Promise<Published> => mqtt?.publish(message) ?? Promise.resolve({ name: 'lost' });

/** Tries now what would be tried later. */
export const reconnect = () => connect();

const MOST_KNOWN = 100_000;
/** Between two pages of the list, so that neither the server nor the page has much to do at once. */
const KNOWN_PAUSE_MS = 150;

function know(one: KnownTopic) {
  const last = one.payload_base64 === null ? null : { payload: fromBase64(one.payload_base64), payloadBytes: one.payload_bytes ?? 0 };
  tree.know(one.topic, one.last_ms ?? 0, one.retained, last);
}

/** Enters what the server remembers to have seen, so that topics that seldom speak are in the tree. */
async function loadKnown() {
  let cursor: string | null = null;
  try {
    for (let count = 0; count < MOST_KNOWN && login.peek().name === 'in'; ) {
      const answer: List<KnownTopic> = await get('topics', { cursor, limit: 1000 });
      for (const one of answer.items) know(one);
      if (answer.next === null) return;
      cursor = answer.next;
      count += answer.items.length;
      await new Promise((resolve) => setTimeout(resolve, KNOWN_PAUSE_MS));
    }
  } catch (error) {
    // What comes over MQTT is shown all the same.
    if (!(error instanceof ApiError)) throw error;
  }
}

const RATE_SECONDS = 120;

export function startLive() {
  effect(() => {
    wasConnected = false;
    if (login.value.name === 'in') void loadKnown();
    else tree.clear();
    connect();
  });
  document.addEventListener('visibilitychange', subscribeTree);
  // Who leaves says so; a page that is shown again as it was (bfcache) has to come back.
  addEventListener('pagehide', () => mqtt?.stop());
  addEventListener('pageshow', (event) => event.persisted && connect());
  let before = performance.now();
  setInterval(() => {
    const now = performance.now();
    tree.tick((now - before) / 1000);
    before = now;
    overall.value = { rate: tree.rate, messages: tree.messages };
    rateHistory.value = [...rateHistory.value, tree.rate].slice(-RATE_SECONDS);
  }, 1000);
}
