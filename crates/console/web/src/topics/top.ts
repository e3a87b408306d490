/** The few with the highest scores of many, the highest first, without sorting the many. */
export function topBy<T>(all: Iterable<T>, most: number, score: (one: T) => number): T[] {
  const top: { one: T; score: number }[] = [];
  for (const one of all) {
    const value = score(one);
    if (value <= 0 || (top.length === most && value <= top[most - 1]!.score)) continue;
    let at = top.length === most ? most - 1 : top.length;
    while (at > 0 && top[at - 1]!.score < value) {
      top[at] = top[at - 1]!;
      at--;
    }
    top[at] = { one, score: value };
  }
  return top.map((entry) => entry.one);
}
