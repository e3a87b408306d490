/** Which nodes of the tree stand in the list, in which order: those whose parents are open, or what a search found. */

import type { TopicNode, TopicTree } from './tree';

export interface Search {
  /** Another one for each text, so that a node need not be asked twice. */
  number: number;
  matches: (topic: string) => boolean;
}

/**
 * The rows of the list. Without a search: nodes below those in `open`. With one: what it found and the way to it, all of
 * it open but what is in `closed`.
 */
export function visibleRows(
  tree: TopicTree,
  open: ReadonlySet<string>,
  search: Search | null,
  closed: ReadonlySet<string>,
): TopicNode[] {
  const number = search === null ? 0 : markFound(tree, search);
  const rows: TopicNode[] = [];
  const stack = [...tree.root.sortedChildren()].reverse();
  while (stack.length > 0) {
    const node = stack.pop()!;
    if (number > 0 && node.rowsNumber !== number) continue;
    rows.push(node);
    const isOpen = number === 0 ? open.has(node.topic) : !closed.has(node.topic);
    if (!isOpen || node.children === null) continue;
    const children = node.sortedChildren();
    for (let i = children.length - 1; i >= 0; i--) stack.push(children[i]!);
  }
  return rows;
}

let lists = 0;

/** Marks the nodes that the search found, and all above them, with the number that is the answer. */
function markFound(tree: TopicTree, search: Search): number {
  const number = ++lists;
  for (const node of tree.allTopics()) {
    if (!node.isTopic) continue;
    if (node.searchNumber !== search.number) {
      node.searchNumber = search.number;
      node.searchFound = search.matches(node.topic);
    }
    if (!node.searchFound) continue;
    for (let up: TopicNode | null = node; up !== null && up.rowsNumber !== number; up = up.parent) up.rowsNumber = number;
  }
  return number;
}

/** The row of a topic, or of the nearest above it that is there; -1 without any. */
export function rowOf(rows: TopicNode[], topic: string): number {
  for (const one of [topic, ...ancestors(topic).reverse()]) {
    const index = rows.findIndex((node) => node.topic === one);
    if (index >= 0) return index;
  }
  return -1;
}

/** The topics above one, outermost first, which must be open for it to be seen. */
export function ancestors(topic: string): string[] {
  const found: string[] = [];
  for (let at = topic.indexOf('/'); at >= 0; at = topic.indexOf('/', at + 1)) found.push(topic.slice(0, at));
  return found;
}
