/**
 * The tree of topics as it lives: what came last, how often, what is retained. It is changed thousands of times in a
 * second and read a few times, so nothing here tells anybody; who shows it looks at `version` and at `structure`.
 */

/** What is kept of a message for each topic; the rest of a longer payload is cut off. */
export const PREVIEW_BYTES = 16_384;
/** Bound of the tree, so that a publisher of made-up topics cannot fill the browser's memory. */
const MOST_NODES = 400_000;
/** Bound of all kept payloads. Beyond it only beginnings are kept. */
const MOST_PAYLOAD_BYTES = 96 << 20;
const SHORT_BYTES = 256;
/** Deeper levels are one node: a topic of 65,535 slashes is legal, and as a tree it would be 65,535 rows. */
const MOST_LEVELS = 64;

export interface Arrival {
  topic: string;
  payload: Uint8Array;
  /** How long it is in all, where only its beginning came. */
  payloadBytes?: number;
  /** Whether the topic has a Retained Message since; null where it is as it was. */
  isRetained: boolean | null;
  /** How many messages it stands for; 0 for a Retained Message sent because we subscribed. */
  count: number;
  timeMs: number;
}

export class TopicNode {
  children: Map<string, TopicNode> | null = null;
  /** Children by name, made when it is needed. */
  private sorted: TopicNode[] | null = null;
  /** Bytes of the last message; null as long as none was seen for exactly this topic. */
  payload: Uint8Array | null = null;
  payloadBytes = 0;
  isRetained = false;
  /** There were messages of exactly this topic, though maybe before the page was opened. */
  isTopic = false;
  lastMs = 0;
  messages = 0;
  /** In each second, smoothed. For the node with all below it. */
  rate = 0;
  sinceTick = 0;
  topicsBelow = 0;
  /** What the search of this number said about it. */
  searchNumber = 0;
  searchFound = false;
  /** The last list of rows of a search that it, or something below it, is on. */
  rowsNumber = 0;
  /** The name without the number that it ends in, and that number, to sort by. */
  readonly nameText: string;
  readonly nameNumber: number;

  constructor(
    readonly name: string,
    readonly topic: string,
    readonly parent: TopicNode | null,
    readonly depth: number,
  ) {
    const from = digitsAt(name);
    this.nameText = name.slice(0, from);
    this.nameNumber = from < name.length ? Number(name.slice(from)) : -1;
  }

  child(name: string): TopicNode | undefined {
    return this.children?.get(name);
  }

  add(child: TopicNode) {
    (this.children ??= new Map()).set(child.name, child);
    this.sorted = null;
  }

  sortedChildren(): TopicNode[] {
    if (this.children === null) return [];
    if (this.sorted === null) this.sorted = [...this.children.values()].sort(byName);
    return this.sorted;
  }
}

/** Topics that begin with `$` are the server's own (MQTT 5.0, 4.7.2). */
export const isServers = (topic: string) => topic[0] === '$';

/** By code unit, but numbers by value (`lamp/2` before `lamp/10`), and `$SYS` last. */
function byName(one: TopicNode, other: TopicNode): number {
  const dollar = Number(isServers(one.name)) - Number(isServers(other.name));
  if (dollar !== 0) return dollar;
  if (one.nameText !== other.nameText) return one.nameText < other.nameText ? -1 : 1;
  if (one.nameNumber !== other.nameNumber) return one.nameNumber - other.nameNumber;
  return one.name < other.name ? -1 : one.name > other.name ? 1 : 0;
}

/** Where the digits begin that a name ends in. */
function digitsAt(name: string): number {
  let from = name.length;
  while (from > 0 && name.length - from < 12) {
    const digit = name.charCodeAt(from - 1);
    if (digit < 48 || digit > 57) break;
    from--;
  }
  return from;
}

export class TopicTree {
  root = new TopicNode('', '', null, -1);
  /** Topic → node, so that most messages need no walk. */
  private byTopic = new Map<string, TopicNode>();
  private nodes: TopicNode[] = [];
  private payloadBytes = 0;
  /** Counts what changed at all. */
  version = 0;
  /** Counts nodes that came or went. */
  structure = 0;
  /** Of users, as the rate is: what the server tells of itself is no traffic. */
  messages = 0;
  rate = 0;
  private sinceTick = 0;
  private ageSeconds = 0;
  /** Topics that were left out because the tree is full. */
  isFull = false;

  get topics() {
    let count = 0;
    for (const child of this.root.children?.values() ?? []) if (!isServers(child.name)) count += child.topicsBelow;
    return count;
  }

  get(topic: string): TopicNode | undefined {
    return this.byTopic.get(topic);
  }

  arrive(arrival: Arrival) {
    const node = this.byTopic.get(arrival.topic) ?? this.insert(arrival.topic);
    if (node === null) {
      this.isFull = true;
      return;
    }
    this.count(node);
    this.keepPayload(node, arrival.payload, arrival.payloadBytes ?? arrival.payload.length);
    node.isRetained = arrival.isRetained ?? node.isRetained;
    node.lastMs = arrival.timeMs;
    node.messages += arrival.count;
    if (!isServers(arrival.topic)) {
      this.messages += arrival.count;
      this.sinceTick += arrival.count;
    }
    for (let up: TopicNode | null = node; up; up = up.parent) up.sinceTick += arrival.count;
    this.version++;
  }

  /** There is such a topic, says the server, and what came last, though nothing of it has come yet. */
  know(topic: string, lastMs: number, isRetained: boolean, last: { payload: Uint8Array; payloadBytes: number } | null = null) {
    const node = this.byTopic.get(topic) ?? this.insert(topic);
    if (node === null || node.isTopic) return;
    this.count(node);
    node.lastMs = lastMs;
    node.isRetained = isRetained;
    if (last !== null) this.keepPayload(node, last.payload, last.payloadBytes);
    this.version++;
  }

  private count(node: TopicNode) {
    if (node.isTopic) return;
    node.isTopic = true;
    for (let up: TopicNode | null = node; up; up = up.parent) up.topicsBelow++;
  }

  /** The Retained Message of a topic is gone, as somebody here has deleted it. */
  forgetRetained(topic: string) {
    const node = this.byTopic.get(topic);
    if (node) node.isRetained = false;
    this.version++;
  }

  /** Nobody knows whether what was retained still is. */
  forgetAllRetained() {
    for (const node of this.nodes) node.isRetained = false;
    this.version++;
  }

  private keepPayload(node: TopicNode, payload: Uint8Array, payloadBytes: number) {
    const room = this.payloadBytes < MOST_PAYLOAD_BYTES ? PREVIEW_BYTES : SHORT_BYTES;
    this.payloadBytes -= node.payload?.length ?? 0;
    node.payload = payload.slice(0, room);
    node.payloadBytes = payloadBytes;
    this.payloadBytes += node.payload.length;
  }

  private insert(topic: string): TopicNode | null {
    if (this.nodes.length >= MOST_NODES) return null;
    let node = this.root;
    for (let level = 0, from = 0; from <= topic.length; level++) {
      const slash = level >= MOST_LEVELS ? -1 : topic.indexOf('/', from);
      const to = slash < 0 ? topic.length : slash;
      const name = topic.slice(from, to);
      let child = node.child(name);
      if (child === undefined) {
        child = new TopicNode(name, topic.slice(0, to), node, level);
        node.add(child);
        this.nodes.push(child);
        this.byTopic.set(child.topic, child);
        this.structure++;
      }
      node = child;
      from = to + 1;
    }
    return node;
  }

  /** Rates, to be called about each second with the time since the last call. */
  tick(elapsedSeconds: number) {
    // Half of a rate comes from the last three seconds, however often this is called; at first it is the mean of all.
    this.ageSeconds += elapsedSeconds;
    const weight = Math.max(1 - Math.pow(0.5, elapsedSeconds / 3), elapsedSeconds / this.ageSeconds);
    const next = (rate: number, count: number) => {
      const moved = rate + weight * (count / elapsedSeconds - rate);
      return moved < 0.005 ? 0 : moved;
    };
    for (const node of this.nodes) {
      if (node.sinceTick === 0 && node.rate === 0) continue;
      node.rate = next(node.rate, node.sinceTick);
      node.sinceTick = 0;
    }
    this.rate = next(this.rate, this.sinceTick);
    this.sinceTick = 0;
    this.version++;
  }

  allTopics(): Iterable<TopicNode> {
    return this.nodes;
  }

  clear() {
    this.root = new TopicNode('', '', null, -1);
    this.byTopic = new Map();
    this.nodes = [];
    this.payloadBytes = 0;
    this.messages = 0;
    this.ageSeconds = 0;
    this.isFull = false;
    this.version++;
    this.structure++;
  }
}
