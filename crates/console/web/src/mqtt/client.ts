/** A connection to the server's `/mqtt` that is made again whenever it is lost, and the Subscriptions that are wanted on it. */

import {
  encodeConnect,
  encodeDisconnect,
  encodePingreq,
  encodePublish,
  encodePubrel,
  encodeSubscribe,
  encodeUnsubscribe,
  PacketStream,
  type Acknowledgement,
  type Outgoing,
  type Packet,
  type Publish,
} from './codec';
import { openSocket, type Socket } from './socket';

export type LinkState =
  | { name: 'off' }
  | { name: 'connecting' }
  | { name: 'connected' }
  /** `retryAtMs`: when it is tried again. */
  | { name: 'lost'; retryAtMs: number }
  /** The server said no; asking again with the same name would be answered the same. */
  | { name: 'refused'; reasonCode: number; reasonString: string | null };

export interface Wanted {
  filter: string;
  identifier: number;
  sampleMs: number;
}

/** What came of a message that was published. */
export type Published =
  /** With QoS 0 the server says nothing. */
  | { name: 'sent' }
  | { name: 'taken'; hasSubscriber: boolean }
  | { name: 'refused'; reasonCode: number; reasonString: string | null }
  | { name: 'tooLarge' }
  /** There is no connection, or it was lost before there was an answer. */
  | { name: 'lost' };

export interface Handlers {
  state: (state: LinkState) => void;
  publish: (message: Publish) => void;
  /** A Subscription was refused with this Reason Code. */
  refused: (filter: string, reasonCode: number) => void;
}

const KEEP_ALIVE_S = 30;
const MAXIMUM_PACKET_BYTES = 16 << 20;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 10_000;
/** What may wait to be worked off while the page draws; beyond it the page has to wait instead. */
const MOST_WAITING_BYTES = 32 << 20;
const FRAME_BUDGET_MS = 5;
/** 3.4.2.1: the message was taken, and nobody has subscribed to it. */
const NO_MATCHING_SUBSCRIBERS = 0x10;
/** Bad user name or password, not authorized, banned: no reason to try again by ourselves. */
const FINAL_REASONS = new Set([0x86, 0x87, 0x8a, 0x8c, 0x84, 0x85]);

export class MqttLink {
  private socket: Socket | null = null;
  private isOpen = false;
  private stream = new PacketStream(MAXIMUM_PACKET_BYTES);
  private wanted = new Map<string, Wanted>();
  private packetIdentifier = 0;
  private pending = new Map<number, string>();
  /** Who waits for what comes of a message, by its Packet Identifier. */
  private published = new Map<number, (published: Published) => void>();
  private isConnected = false;
  private maximumPacketBytes = Infinity;
  private pauseMs = FIRST_PAUSE_MS;
  private retryTimer = 0;
  private pingTimer = 0;
  private heardMs = 0;
  private waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  private isFrameAsked = false;
  private readonly clientId = 'console-' + Array.from(crypto.getRandomValues(new Uint8Array(6)), (b) => b.toString(36)).join('').slice(0, 12);

  constructor(
    private readonly url: string,
    private readonly login: { username: string; password: string } | null,
    private readonly handlers: Handlers,
  ) {}

  start() {
    this.end();
    this.handlers.state({ name: 'connecting' });
    const socket = openSocket(this.url, 'mqtt');
    this.socket = socket;
    this.stream = new PacketStream(MAXIMUM_PACKET_BYTES);
    socket.onopen = () => {
      if (this.socket !== socket) return;
      this.isOpen = true;
      const { username, password } = this.login ?? {};
      const connect = { clientId: this.clientId, keepAliveSeconds: KEEP_ALIVE_S, username, password };
      this.send(encodeConnect({ ...connect, maximumPacketBytes: MAXIMUM_PACKET_BYTES }));
      this.startPinging(KEEP_ALIVE_S);
    };
    socket.onmessage = (event) => {
      if (event.data instanceof ArrayBuffer && this.socket === socket) this.received(new Uint8Array(event.data));
    };
    socket.onclose = () => {
      if (this.socket !== socket) return;
      this.drain(Infinity);
      if (this.socket === socket) this.lost();
    };
  }

  /** Ends the connection for good. */
  stop() {
    if (this.isConnected) this.send(encodeDisconnect());
    this.end();
    this.handlers.state({ name: 'off' });
  }

  subscribe(wanted: Wanted) {
    const before = this.wanted.get(wanted.filter);
    if (before && before.identifier === wanted.identifier && before.sampleMs === wanted.sampleMs) return;
    this.wanted.set(wanted.filter, wanted);
    if (this.isConnected) this.sendSubscribe(wanted, before !== undefined);
  }

  /** Besides what is wanted, all that is published to a topic comes with this Subscription Identifier. */
  beginWhole(topic: string, identifier: number) {
    if (this.isConnected) this.sendSubscribe({ filter: topic, identifier, sampleMs: 0 }, true);
  }

  /** Ends that. UNSUBSCRIBE ends both Subscriptions, so the other is made again. */
  endWhole(topic: string) {
    if (!this.isConnected) return;
    this.send(encodeUnsubscribe(this.nextIdentifier(topic), topic));
    const wanted = this.wanted.get(topic);
    if (wanted) this.sendSubscribe(wanted, true);
  }

  unsubscribe(filter: string) {
    if (!this.wanted.delete(filter) || !this.isConnected) return;
    this.send(encodeUnsubscribe(this.nextIdentifier(filter), filter));
  }

  publish(message: Outgoing): Promise<Published> {
    if (!this.isConnected) return Promise.resolve({ name: 'lost' });
    const packetIdentifier = message.qos === 0 ? 0 : this.nextPacketIdentifier();
    const packet = encodePublish(packetIdentifier, message);
    // The server would end the connection.
    if (packet.length > this.maximumPacketBytes) return Promise.resolve({ name: 'tooLarge' });
    this.send(packet);
    if (message.qos === 0) return Promise.resolve({ name: 'sent' });
    return new Promise((resolve) => this.published.set(packetIdentifier, resolve));
  }

  private acknowledged({ type, packetIdentifier, reasonCode, reasonString }: Acknowledgement) {
    const resolve = this.published.get(packetIdentifier);
    const hasSubscriber = reasonCode !== NO_MATCHING_SUBSCRIBERS;
    if (type === 'pubrec' && reasonCode < 0x80) {
      // That nobody has subscribed is said here, and not again when all is done.
      if (resolve) this.published.set(packetIdentifier, (done) => resolve(done.name === 'taken' ? { name: 'taken', hasSubscriber } : done));
      this.send(encodePubrel(packetIdentifier));
      return;
    }
    this.published.delete(packetIdentifier);
    resolve?.(reasonCode >= 0x80 ? { name: 'refused', reasonCode, reasonString } : { name: 'taken', hasSubscriber });
  }

  private sendSubscribe(wanted: Wanted, isKnown: boolean) {
    const identifier = this.nextIdentifier(wanted.filter);
    this.send(encodeSubscribe(identifier, { ...wanted, retainHandling: isKnown ? 2 : 0 }));
  }

  private nextIdentifier(filter: string): number {
    const packetIdentifier = this.nextPacketIdentifier();
    this.pending.set(packetIdentifier, filter);
    return packetIdentifier;
  }

  private nextPacketIdentifier(): number {
    do this.packetIdentifier = (this.packetIdentifier % 65_535) + 1;
    while (this.published.has(this.packetIdentifier));
    return this.packetIdentifier;
  }

  private send(bytes: Uint8Array) {
    if (this.isOpen) this.socket?.send(bytes as Uint8Array<ArrayBuffer>);
  }

  private startPinging(keepAliveS: number) {
    this.heardMs = performance.now();
    clearInterval(this.pingTimer);
    this.pingTimer = window.setInterval(() => {
      const silentMs = performance.now() - this.heardMs;
      if (silentMs > keepAliveS * 1500) this.lost();
      else this.send(encodePingreq());
    }, keepAliveS * 500);
  }

  // Bytes wait until the next frame and are worked off within a budget, so that a flood does not stop the page.

  private received(bytes: Uint8Array) {
    this.heardMs = performance.now();
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    // Frames do not come while nobody sees the page.
    if (document.hidden || this.waitingBytes > MOST_WAITING_BYTES) this.drain(Infinity);
    else this.askForFrame();
  }

  private askForFrame() {
    if (this.isFrameAsked) return;
    this.isFrameAsked = true;
    requestAnimationFrame(() => {
      this.isFrameAsked = false;
      this.drain(FRAME_BUDGET_MS);
      if (this.waiting.length > 0) this.askForFrame();
    });
  }

  private drain(budgetMs: number) {
    const start = performance.now();
    let done = 0;
    try {
      while (done < this.waiting.length && (done === 0 || performance.now() - start < budgetMs)) {
        const bytes = this.waiting[done++]!;
        this.waitingBytes -= bytes.length;
        this.stream.push(bytes, (packet) => this.handle(packet));
      }
    } catch (error) {
      console.error('the server sent what is no MQTT:', error);
      this.waiting = [];
      this.lost();
      return;
    }
    this.waiting.splice(0, done);
  }

  private handle(packet: Packet) {
    switch (packet.type) {
      case 'publish':
        this.handlers.publish(packet);
        return;
      case 'connack':
        this.maximumPacketBytes = packet.maximumPacketBytes ?? Infinity;
        if (packet.reasonCode === 0) this.connected(packet.serverKeepAliveS);
        else this.refused(packet.reasonCode, packet.reasonString);
        return;
      case 'puback':
      case 'pubrec':
      case 'pubcomp':
        this.acknowledged(packet);
        return;
      case 'suback': {
        const filter = this.pending.get(packet.packetIdentifier);
        this.pending.delete(packet.packetIdentifier);
        const reasonCode = packet.reasonCodes[0] ?? 0;
        if (filter !== undefined && reasonCode >= 0x80) this.handlers.refused(filter, reasonCode);
        return;
      }
      case 'unsuback':
        this.pending.delete(packet.packetIdentifier);
        return;
      case 'disconnect':
        if (FINAL_REASONS.has(packet.reasonCode)) this.refused(packet.reasonCode, packet.reasonString);
        return;
    }
  }

  private connected(serverKeepAliveS: number | null) {
    // 3.2.2.3.14: the server's word counts.
    if (serverKeepAliveS !== null && serverKeepAliveS > 0) this.startPinging(serverKeepAliveS);
    this.isConnected = true;
    this.pauseMs = FIRST_PAUSE_MS;
    this.handlers.state({ name: 'connected' });
    for (const wanted of this.wanted.values()) this.sendSubscribe(wanted, false);
  }

  private refused(reasonCode: number, reasonString: string | null) {
    if (FINAL_REASONS.has(reasonCode)) {
      this.end();
      this.handlers.state({ name: 'refused', reasonCode, reasonString });
    } else {
      this.lost();
    }
  }

  private lost() {
    this.end();
    const pause = this.pauseMs * (0.75 + Math.random() / 2);
    this.pauseMs = Math.min(this.pauseMs * 2, LONGEST_PAUSE_MS);
    this.handlers.state({ name: 'lost', retryAtMs: Date.now() + pause });
    this.retryTimer = window.setTimeout(() => this.start(), pause);
  }

  private end() {
    clearTimeout(this.retryTimer);
    clearInterval(this.pingTimer);
    const socket = this.socket;
    this.socket = null;
    this.isConnected = false;
    this.isOpen = false;
    this.waiting = [];
    this.waitingBytes = 0;
    this.pending.clear();
    for (const resolve of this.published.values()) resolve({ name: 'lost' });
    this.published.clear();
    socket?.close();
  }
}
