/** What a message of a sampled Subscription says of those that it stands for, in the User Properties that the server adds. */

import type { Publish } from './codec';

export interface Sample {
  /** How many messages it stands for; 0 for a Retained Message that a Subscription begins with. */
  count: number;
  /** When the newest of them came; null where it is not told. */
  timeMs: number | null;
  /** How long its payload is, of which only the beginning may have come. */
  payloadBytes: number;
  /** Whether the topic has a Retained Message since; null where none of them had to do with that. */
  isRetained: boolean | null;
  /** What the publisher has added. */
  userProperties: [string, string][];
}

/** `isWhole`: it comes from an ordinary Subscription that was made again, and is no replay. */
export function readSample(publish: Publish, isWhole: boolean): Sample {
  let [count, timeMs, payloadBytes]: [number, number | null, number] = [0, null, publish.payload.length];
  let isRetained: boolean | null = null;
  const userProperties: [string, string][] = [];
  for (const pair of publish.userProperties) {
    const [name, value] = pair;
    if (name === 'midge-count') count = Number(value) || 1;
    else if (name === 'midge-time') timeMs = Number(value) || null;
    else if (name === 'midge-payload-bytes') payloadBytes = Math.max(Number(value) || 0, payloadBytes);
    else if (name === 'midge-retained') isRetained = value === '1';
    else if (!name.startsWith('midge-')) userProperties.push(pair);
  }
  // A message that is no sample stands for itself: a replay, or each message of a server that does not sample (Retain As Published).
  if (count === 0 && publish.retain) isRetained = publish.payload.length > 0;
  // What a sampled Subscription begins with is no traffic: of all that it is sent, only that has no count.
  if (count === 0) count = publish.retain && !isWhole ? 0 : 1;
  return { count, timeMs, payloadBytes, isRetained, userProperties };
}
