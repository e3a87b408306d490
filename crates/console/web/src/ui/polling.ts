/** Asking the server again and again, or page by page, for as long as somebody looks. */

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';
import { ApiError, get } from '../api/client';
import type { List } from '../api/types';

export interface Polled<T> {
  data: T | null;
  /** Why the last question was not answered; `data` is then what was known before. */
  error: ApiError | null;
  refresh: () => void;
}

/** `ask` anew for each `key`, and every so many milliseconds while the page is in sight. */
export function usePolled<T>(ask: () => Promise<T>, key: string, everyMs: number): Polled<T> {
  const [state, setState] = useState<{ key: string; data: T | null; error: ApiError | null }>({ key, data: null, error: null });
  const [turn, setTurn] = useState(0);
  const latest = useRef(ask);
  latest.current = ask;
  useEffect(() => {
    let isOver = false;
    let timer = 0;
    const run = async () => {
      if (!document.hidden) {
        try {
          const data = await latest.current();
          if (!isOver) setState({ key, data, error: null });
        } catch (error) {
          if (!(error instanceof ApiError)) throw error;
          if (!isOver) setState((before) => ({ key, data: before.key === key ? before.data : null, error }));
        }
      }
      if (!isOver) timer = window.setTimeout(run, everyMs);
    };
    void run();
    const seen = () => {
      if (document.hidden) return;
      clearTimeout(timer);
      void run();
    };
    document.addEventListener('visibilitychange', seen);
    return () => {
      isOver = true;
      clearTimeout(timer);
      document.removeEventListener('visibilitychange', seen);
    };
  }, [key, everyMs, turn]);
  const refresh = useCallback(() => setTurn((before) => before + 1), []);
  return { data: state.key === key ? state.data : null, error: state.error, refresh };
}

const PAGE = 200;

export interface Listed<T> {
  items: T[] | null;
  /** Whether there are more on the server. */
  hasMore: boolean;
  /** How many there are, where the server says it. */
  total: number | null;
  error: ApiError | null;
  more: () => void;
  refresh: () => void;
}

/** What the server gives at once. */
const MOST = 1000;

/**
 * A list that is longer than one answer: its first pages again every so many milliseconds, the following ones when the end
 * comes into sight. Where `sort` is among the parameters there are no pages: more of it is asked for, up to what the server gives.
 */
export function useList<T, A extends List<T> = List<T>>(
  path: string,
  parameters: Record<string, string | null>,
  everyMs: number,
  onAnswer?: (answer: A) => void,
): Listed<T> {
  const key = path + JSON.stringify(parameters);
  const pages = useRef(1);
  const lastKey = useRef(key);
  if (lastKey.current !== key) {
    lastKey.current = key;
    pages.current = 1;
  }
  const isSorted = typeof parameters['sort'] === 'string';
  const polled = usePolled(
    async () => {
      if (isSorted) {
        const limit = Math.min(MOST, PAGE * pages.current);
        const answer = await get<A>(path, { ...parameters, limit });
        onAnswer?.(answer);
        const hasMore = (answer.total ?? 0) > answer.items.length && limit < MOST;
        return { items: answer.items, hasMore, total: answer.total ?? null, pages: pages.current };
      }
      const items: T[] = [];
      let next: string | null = null;
      for (let page = 0; page < pages.current; page++) {
        const answer: A = await get<A>(path, { ...parameters, cursor: next, limit: PAGE });
        if (page === 0) onAnswer?.(answer);
        items.push(...answer.items);
        next = answer.next;
        if (next === null) break;
      }
      return { items, hasMore: next !== null, total: null, pages: pages.current };
    },
    key,
    pages.current > 5 ? everyMs * 6 : everyMs,
  );
  const hasMore = polled.data?.hasMore === true;
  const more = () => {
    if (!hasMore || polled.data?.pages !== pages.current) return;
    pages.current++;
    polled.refresh();
  };
  return { items: polled.data?.items ?? null, hasMore, total: polled.data?.total ?? null, error: polled.error, more, refresh: polled.refresh };
}
