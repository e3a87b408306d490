/** The last messages of one topic, oldest first, with bounds in number and bytes. */

export interface Message {
  timeMs: number;
  /** Its beginning, where `payloadBytes` is more. */
  payload: Uint8Array;
  payloadBytes: number;
  /** How many messages it stands for, itself included. */
  count: number;
  retain: boolean;
  qos: number | null;
  contentType: string | null;
  responseTopic: string | null;
  messageExpiryIntervalS: number | null;
  userProperties: [string, string][];
}

export const MOST_MESSAGES = 500;
const MOST_BYTES = 32 << 20;

export class MessageHistory {
  private bytes = 0;
  messages: Message[] = [];
  /** How many fell out at the old end. */
  dropped = 0;

  push(message: Message) {
    const last = this.messages.at(-1);
    // The Retained Message that a Subscription begins with is often what was known already.
    if (message.count === 0 && last !== undefined && sameBytes(last.payload, message.payload)) return;
    this.messages.push(message);
    this.bytes += message.payload.length;
    this.trim();
  }

  /** Puts what the server remembers before what came since; what is in both counts once. */
  prepend(older: Message[]) {
    const first = this.messages.find((message) => !message.retain)?.timeMs ?? Infinity;
    const before = older.filter((message) => message.timeMs < first);
    // The Retained Message that a Subscription begins with is one of those that the server remembers.
    const live = before.length > 0 ? this.messages.filter((message) => message.count > 0) : this.messages;
    this.messages = [...before, ...live];
    this.bytes = this.messages.reduce((sum, message) => sum + message.payload.length, 0);
    this.trim();
  }

  private trim() {
    let from = 0;
    while (this.messages.length - from > 1 && (this.messages.length - from > MOST_MESSAGES || this.bytes > MOST_BYTES)) {
      this.bytes -= this.messages[from]!.payload.length;
      from++;
    }
    if (from === 0) return;
    this.messages = this.messages.slice(from);
    this.dropped += from;
  }
}

function sameBytes(one: Uint8Array, other: Uint8Array): boolean {
  return one.length === other.length && one.every((byte, index) => byte === other[index]);
}
