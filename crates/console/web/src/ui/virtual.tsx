/** A list of any length of which only the rows in sight are in the page. Rows are equally high. */

import type { ComponentChildren } from 'preact';
import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import { backToSearch } from './found';

/** Browsers cannot lay out more; a list that is longer ends here. */
const MOST_PIXELS = 15_000_000;
const BEYOND = 6;

export interface VirtualProps {
  count: number;
  rowHeight: number;
  row: (index: number) => ComponentChildren;
  label: string;
  /** What the list is for those who do not see it. */
  role?: 'list' | 'tree' | 'table' | 'listbox';
  class?: string;
  /** The row that the keyboard is on. */
  active?: number;
  activeId?: string | undefined;
  /** What that row stands for, where rows may come before it; it is kept in sight when this, or without it `active`, changes. */
  activeKey?: string | null;
  /** Called with another row by the keys that lists have. */
  onActive?: (index: number) => void;
  /** All other keys. */
  onKeyDown?: (event: KeyboardEvent) => void;
  /** It shows what the page's search has found: down leads from there to the first row, up from that back. */
  isFound?: boolean;
  /** Called when the last rows come into sight. */
  onEnd?: () => void;
  /** Follow what is added at the end as long as the end is in sight. */
  header?: ComponentChildren;
  columns?: number;
  rowCount?: number;
}

export function VirtualList(props: VirtualProps) {
  const element = useRef<HTMLDivElement>(null);
  const [top, setTop] = useState(0);
  const [height, setHeight] = useState(600);
  const { rowHeight } = props;
  const count = Math.min(props.count, Math.floor(MOST_PIXELS / rowHeight));

  useLayoutEffect(() => {
    const list = element.current!;
    setHeight(list.clientHeight);
    const observer = new ResizeObserver(() => setHeight(list.clientHeight));
    observer.observe(list);
    return () => observer.disconnect();
  }, []);

  const first = Math.max(0, Math.min(Math.floor(top / rowHeight) - BEYOND, count - 1));
  const last = Math.min(count, Math.ceil((top + height) / rowHeight) + BEYOND);

  useEffect(() => {
    const list = element.current!;
    const { active } = props;
    if (active === undefined || active < 0) return;
    const from = active * rowHeight;
    const header = list.querySelector<HTMLElement>('.head')?.offsetHeight ?? 0;
    if (from < list.scrollTop) list.scrollTop = from;
    else if (from + rowHeight + header > list.scrollTop + list.clientHeight) {
      list.scrollTop = from + rowHeight + header - list.clientHeight;
    }
  }, [props.activeKey ?? props.active, (props.active ?? -1) >= 0]);

  useEffect(() => {
    if (count > 0 && last >= count) props.onEnd?.();
  }, [last >= count, count]);

  const onKeyDown = (event: KeyboardEvent) => {
    // Buttons of the head have keys of their own.
    if (event.target instanceof Element && event.target.closest('.head')) return;
    const active = props.active ?? -1;
    if (props.isFound && event.key === 'ArrowUp' && active <= 0) return backToSearch(event);
    const moved = props.onActive ? movedActive(event, active, count, Math.max(1, Math.floor(height / rowHeight) - 1)) : null;
    if (moved === null) props.onKeyDown?.(event);
    else props.onActive!(moved);
  };

  const rows = [];
  for (let index = first; index < last; index++) rows.push(props.row(index));
  return (
    <div
      ref={element}
      class={`virtual ${props.class ?? ''}`}
      role={props.role ?? 'list'}
      aria-label={props.label}
      aria-activedescendant={props.activeId}
      aria-rowcount={props.role === 'table' ? (props.rowCount ?? props.count + 1) : undefined}
      tabIndex={0}
      onScroll={(event) => setTop(event.currentTarget.scrollTop)}
      data-found={props.isFound}
      onKeyDown={onKeyDown}
    >
      {props.header}
      <div class="space" role={props.role === 'table' ? 'rowgroup' : 'none'} style={{ height: `${count * rowHeight}px` }}>
        <div class="rows" role={'none'} style={{ transform: `translateY(${first * rowHeight}px)` }}>
          {rows}
        </div>
      </div>
    </div>
  );
}

/** The row to which a key leads that lists have; null: it is another key. */
function movedActive(event: KeyboardEvent, active: number, count: number, page: number): number | null {
  const moved: Record<string, number> = {
    ArrowDown: active + 1,
    ArrowUp: active - 1,
    PageDown: active + page,
    PageUp: active - page,
    Home: 0,
    End: count - 1,
  };
  const next = moved[event.key];
  if (next === undefined || event.ctrlKey || event.metaKey || event.altKey) return null;
  event.preventDefault();
  return Math.max(0, Math.min(count - 1, next));
}
