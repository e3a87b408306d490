/**
 * Whole payloads of topics that are looked at closely. The server cuts samples of long payloads; so when one came cut, there is an
 * ordinary Subscription to exactly that topic until one message has come, then none for a while.
 */

export interface Payload {
  payload: Uint8Array;
  /** How long it is in all. */
  payloadBytes: number;
}

/** Whether there is only the beginning of a payload. */
export const isCut = (message: Payload) => message.payload.length < message.payloadBytes;

/** Between two whole messages of a topic. */
export const REST_MS = 1000;
/** For how long a cut sample waits for a whole message to take its place. */
export const PATIENCE_MS = 1500;
/** For how long after a whole message its own sample may come. */
const LATE_MS = 500;

export interface Asks<T> {
  /** Subscribe to all that is published to the topic. */
  begin: (topic: string) => void;
  /** Enough of that. */
  end: (topic: string) => void;
  tell: (topic: string, message: T) => void;
}

interface Long<T> {
  newest: { message: T; timeMs: number } | null;
  held: T | null;
  patience: ReturnType<typeof setTimeout> | undefined;
  rest: ReturnType<typeof setTimeout> | undefined;
}

export class WholePayloads<T extends Payload> {
  /** Topics whose last payload was longer than a sample. */
  private long = new Map<string, Long<T>>();

  constructor(private readonly asks: Asks<T>) {}

  /** A sample came. */
  sampled(topic: string, message: T) {
    const known = this.long.get(topic);
    if (known?.newest && Date.now() - known.newest.timeMs < LATE_MS && isBeginning(message, known.newest.message)) return;
    if (!isCut(message)) {
      if (known) {
        this.forget(topic);
        this.asks.end(topic);
      }
      this.asks.tell(topic, message);
    } else if (known === undefined) {
      this.long.set(topic, { newest: null, held: null, patience: undefined, rest: undefined });
      this.asks.begin(topic);
      this.asks.tell(topic, message);
    } else {
      // It is shown if nothing better comes, so that what is whole and what is cut do not take turns.
      known.held = message;
      known.patience ??= setTimeout(() => this.giveUp(topic, known), PATIENCE_MS);
    }
  }

  private giveUp(topic: string, known: Long<T>) {
    const { held } = known;
    [known.held, known.patience] = [null, undefined];
    if (held) this.asks.tell(topic, held);
  }

  /** What was asked for came. */
  whole(topic: string, message: T) {
    const known = this.long.get(topic);
    if (known === undefined || known.rest !== undefined) return;
    clearTimeout(known.patience);
    [known.held, known.patience] = [null, undefined];
    known.newest = { message, timeMs: Date.now() };
    this.asks.end(topic);
    known.rest = setTimeout(() => {
      known.rest = undefined;
      this.asks.begin(topic);
    }, REST_MS);
    this.asks.tell(topic, message);
  }

  /** Nobody looks at the topic any more. */
  forget(topic: string) {
    const known = this.long.get(topic);
    clearTimeout(known?.patience);
    clearTimeout(known?.rest);
    this.long.delete(topic);
  }

  /** Another connection: nothing is asked for on it. */
  clear() {
    for (const topic of [...this.long.keys()]) this.forget(topic);
  }
}

function isBeginning(one: Payload, whole: Payload): boolean {
  return one.payloadBytes === whole.payloadBytes && one.payload.every((byte, index) => byte === whole.payload[index]);
}
