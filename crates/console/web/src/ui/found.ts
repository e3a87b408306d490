/** The way of the keyboard between the page's search and what it has found: rows that take the focus, or a list with an active row. */

const LIST = '[data-found]';

/** From the search to the first row. Whether there is one. */
export function goToFound(): boolean {
  const list = document.querySelector<HTMLElement>(LIST);
  list?.focus();
  return list?.dispatchEvent(new KeyboardEvent('keydown', { key: 'Home', cancelable: true })) !== undefined;
}

/** Up from the first row. */
export function backToSearch(event: KeyboardEvent) {
  event.preventDefault();
  document.querySelector<HTMLElement>('[data-search]')?.focus();
}

/** Keys of a list whose rows take the focus; Enter follows the first link of a row. */
export function onRowsKeyDown(event: KeyboardEvent) {
  const list = event.currentTarget as HTMLElement;
  const rows = [...list.children] as HTMLElement[];
  const at = rows.findIndex((row) => row.contains(document.activeElement));
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key === 'ArrowUp' && at <= 0) return backToSearch(event);
  const target: Record<string, number> = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: rows.length - 1 };
  if (event.key === 'Enter' && event.target === rows[at]) rows[at]!.querySelector('a')?.click();
  else if (target[event.key] === undefined) return;
  else rows[Math.min(target[event.key]!, rows.length - 1)]?.focus();
  event.preventDefault();
}
