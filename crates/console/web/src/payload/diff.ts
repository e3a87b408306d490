/** What differs between two texts, by lines (Myers' O(ND) algorithm, with a bound). */

export interface DiffLine {
  kind: 'same' | 'added' | 'removed';
  text: string;
}

/** More differing lines than this are not matched up; everything between the common ends counts as replaced. */
const MOST_EDITS = 400;

export function diffLines(before: string, after: string): DiffLine[] {
  const [a, b] = [before.split('\n'), after.split('\n')];
  let start = 0;
  while (start < a.length && start < b.length && a[start] === b[start]) start++;
  let end = 0;
  while (end < a.length - start && end < b.length - start && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const middle = edits(a.slice(start, a.length - end), b.slice(start, b.length - end));
  const same = (text: string): DiffLine => ({ kind: 'same', text });
  return [...a.slice(0, start).map(same), ...middle, ...a.slice(a.length - end).map(same)];
}

function edits(a: string[], b: string[]): DiffLine[] {
  const trace = shortestTrace(a, b);
  if (trace === null) {
    return [
      ...a.map((text): DiffLine => ({ kind: 'removed', text })),
      ...b.map((text): DiffLine => ({ kind: 'added', text })),
    ];
  }
  const lines: DiffLine[] = [];
  let [x, y] = [a.length, b.length];
  for (let d = trace.length - 1; d > 0; d--) {
    const reached = trace[d]!;
    const k = x - y;
    const down = k === -d || (k !== d && reached.get(k - 1)! < reached.get(k + 1)!);
    const previousK = down ? k + 1 : k - 1;
    const previousX = reached.get(previousK)!;
    const previousY = previousX - previousK;
    while (x > previousX && y > previousY && x > 0 && y > 0 && a[x - 1] === b[y - 1]) {
      lines.push({ kind: 'same', text: a[--x]! });
      y--;
    }
    if (down) lines.push({ kind: 'added', text: b[--y]! });
    else lines.push({ kind: 'removed', text: a[--x]! });
  }
  while (x > 0) {
    lines.push({ kind: 'same', text: a[--x]! });
  }
  return paired(lines.reverse());
}

/** For each number of edits how far each diagonal came before it; null if there are too many. */
function shortestTrace(a: string[], b: string[]): Map<number, number>[] | null {
  const trace: Map<number, number>[] = [];
  const furthest = new Map<number, number>([[1, 0]]);
  for (let d = 0; d <= Math.min(a.length + b.length, MOST_EDITS); d++) {
    trace.push(new Map(furthest));
    for (let k = -d; k <= d; k += 2) {
      const down = k === -d || (k !== d && furthest.get(k - 1)! < furthest.get(k + 1)!);
      let x = down ? furthest.get(k + 1)! : furthest.get(k - 1)! + 1;
      while (x < a.length && x - k < b.length && a[x] === b[x - k]) x++;
      furthest.set(k, x);
      if (x >= a.length && x - k >= b.length) return trace;
    }
  }
  return null;
}

/**
 * Within a run of changes, what went stands before what came; where as many came as went, each before the one that took its
 * place.
 */
function paired(lines: DiffLine[]): DiffLine[] {
  const ordered: DiffLine[] = [];
  let [removed, added]: [DiffLine[], DiffLine[]] = [[], []];
  const flush = () => {
    if (removed.length === added.length) ordered.push(...removed.flatMap((line, index) => [line, added[index]!]));
    else ordered.push(...removed, ...added);
    [removed, added] = [[], []];
  };
  for (const line of lines) {
    if (line.kind === 'added') added.push(line);
    else if (line.kind === 'removed') removed.push(line);
    else {
      flush();
      ordered.push(line);
    }
  }
  flush();
  return ordered;
}

/** Where two lines begin and end to differ, to be marked within a line. */
export function changedPart(before: string, after: string): { start: number; beforeEnd: number; afterEnd: number } {
  let start = 0;
  while (start < before.length && start < after.length && before[start] === after[start]) start++;
  let end = 0;
  const most = Math.min(before.length, after.length) - start;
  while (end < most && before[before.length - 1 - end] === after[after.length - 1 - end]) end++;
  return { start, beforeEnd: before.length - end, afterEnd: after.length - end };
}
