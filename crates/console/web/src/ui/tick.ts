/** Draws a part of the page again every so often, for what changes too fast to tell of each change. */

import { useEffect, useState } from 'preact/hooks';

export function useTick(everyMs: number, changed?: () => unknown) {
  const [, setTurn] = useState<unknown>(null);
  useEffect(() => {
    let turn = 0;
    let before = changed?.();
    const timer = setInterval(() => {
      if (document.hidden) return;
      if (changed) {
        const now = changed();
        if (now === before) return;
        before = now;
      }
      setTurn(++turn);
    }, everyMs);
    return () => clearInterval(timer);
  }, [everyMs]);
}
