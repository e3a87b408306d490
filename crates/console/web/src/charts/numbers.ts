/** The numbers that the page knows of, in payloads and in their JSON, to be drawn. */

import { numberOf, pathOf, tryJson } from '../payload/json';
import { lenientText, payloadNumber, textOf } from '../payload/text';
import { topBy } from '../topics/top';
import { isServers, PREVIEW_BYTES, type TopicNode } from '../topics/tree';

export interface Found {
  topic: string;
  path: string;
  value: number;
}

const MOST_FOUND = 60;
/** Looking into payloads for numbers must not hold up the page. */
const BUDGET_MS = 12;

/** Of what came last in each topic: first those that come most often, then those that came last, whoever told of them. */
export function numbersSeen(topics: Iterable<TopicNode>, matches: ((topic: string) => boolean) | null): Found[] {
  const start = performance.now();
  const found: Found[] = [];
  const isWanted = (node: TopicNode) => mayHaveNumbers(node.payload) && (matches?.(node.topic) ?? !isServers(node.topic));
  const nodes = topBy(topics, MOST_FOUND * 2, (node) => (isWanted(node) ? Math.max(node.rate, silentScore(node)) : 0));
  for (const node of nodes) {
    if (found.length >= MOST_FOUND || performance.now() - start > BUDGET_MS) break;
    const value = payloadNumber(node.payload!);
    if (value !== null) found.push({ topic: node.topic, path: '', value });
    else found.push(...numbersInJson(node));
  }
  return found.slice(0, MOST_FOUND).sort((one, other) => (nameOf(one) < nameOf(other) ? -1 : 1));
}

/** Less than any rate that is shown, and more the later the last message came. */
const silentScore = (node: TopicNode) => (1 + node.lastMs) / 1e16;

/** By its beginning, so that texts do not take the place of numbers. */
function mayHaveNumbers(payload: Uint8Array | null): boolean {
  if (payload === null || payload.length === 0 || payload.length >= PREVIEW_BYTES) return false;
  return /[\s\d.+\-[{tfo]/i.test(String.fromCharCode(payload[0]!));
}

function numbersInJson({ topic, payload, payloadBytes }: TopicNode): Found[] {
  const isCut = payload!.length < payloadBytes;
  const text = isCut ? closedBeginning(lenientText(payload!)) : textOf(payload!);
  if (text === null || !/^\s*[[{]/.test(text)) return [];
  const document = tryJson(text);
  if (document === null || document.nodes.length > 200) return [];
  return document.nodes.flatMap((node, index) => {
    const value = node.kind === 'number' ? numberOf(document, node) : null;
    return value === null ? [] : [{ topic, path: pathOf(document, index), value }];
  });
}

/** JSON whose end is missing, up to its last whole member, and closed there: of what is long only the beginning may be known. */
export function closedBeginning(text: string): string {
  const open: string[] = [];
  let [isInString, end, closing] = [false, 0, ''];
  for (let at = 0; at < text.length; at++) {
    const character = text[at]!;
    if (isInString && character === '\\') at++;
    else if (character === '"') isInString = !isInString;
    else if (isInString) continue;
    else if (character === '{') open.push('}');
    else if (character === '[') open.push(']');
    else if (character === '}' || character === ']') open.pop();
    else if (character === ',') [end, closing] = [at, [...open].reverse().join('')];
  }
  return text.slice(0, end) + closing;
}

const nameOf = (one: Found) => `${one.topic}  ${one.path}`;

/** The same numbers at the same places with new values, and others behind them: nothing jumps under the pointer. */
export function stable(before: Found[], now: Found[]): Found[] {
  const values = new Map(now.map((one) => [nameOf(one), one]));
  const kept = before.map((one) => values.get(nameOf(one)) ?? one);
  const known = new Set(before.map(nameOf));
  return [...kept, ...now.filter((one) => !known.has(nameOf(one)))].slice(0, MOST_FOUND);
}
