/** The columns of the list of clients, and by which of them the server sorts: kept in the page's address. */

import { t, type Key } from '../i18n';
import { query, setQueries } from '../state/route';
import { Button } from '../ui/controls';
import { Icon } from '../ui/icons';

export type Order = 'asc' | 'desc';

/** By the members of the interface; `order` is what one mostly looks for first. */
const COLUMNS = [
  { key: 'id', text: 'clients.id', order: 'asc', isNumber: false },
  { key: 'username', text: 'clients.user', order: 'asc', isNumber: false },
  { key: 'address', text: 'clients.address', order: 'asc', isNumber: false },
  { key: 'version', text: 'clients.protocol', order: 'asc', isNumber: false },
  { key: 'subscriptions', text: 'clients.subscriptions', order: 'desc', isNumber: true },
  { key: 'inflight', text: 'clients.inflight', order: 'desc', isNumber: true },
  { key: 'queued', text: 'clients.queue', order: 'desc', isNumber: true },
  { key: 'received_messages_per_s', text: 'clients.in', order: 'desc', isNumber: true },
  { key: 'sent_messages_per_s', text: 'clients.out', order: 'desc', isNumber: true },
  { key: 'since_ms', text: 'clients.since', order: 'desc', isNumber: false },
] as const satisfies readonly { key: string; text: Key; order: Order; isNumber: boolean }[];

export type Column = (typeof COLUMNS)[number]['key'];

export interface Sort {
  column: Column;
  order: Order;
}

/** As the address says, or else by the first column. */
export function sortOf(): Sort {
  const column = COLUMNS.find((one) => one.key === query('sort')) ?? COLUMNS[0];
  const order = query('order');
  return { column: column.key, order: order === 'asc' || order === 'desc' ? order : column.order };
}

const sortBy = ({ column, order }: Sort) => {
  const isDefault = column === COLUMNS[0].key && order === COLUMNS[0].order;
  setQueries(isDefault ? { sort: null, order: null } : { sort: column, order });
};

const turned = ({ column, order }: Sort): Sort => ({ column, order: order === 'asc' ? 'desc' : 'asc' });

/** First as one mostly wants it, then the other way round. */
const choose = ({ key, order }: (typeof COLUMNS)[number], sort: Sort) => sortBy(sort.column === key ? turned(sort) : { column: key, order });

const ARIA = { asc: 'ascending', desc: 'descending' } as const;

export function Head({ sort }: { sort: Sort }) {
  return (
    <div role="rowgroup" class="head">
      <div role="row" class="row">
        {COLUMNS.map((column) => {
          const order = sort.column === column.key ? sort.order : null;
          return (
            <span key={column.key} role="columnheader" class={column.isNumber ? 'num' : undefined} aria-sort={order ? ARIA[order] : 'none'}>
              <button type="button" class={`sort ${order ?? ''}`} title={t('clients.sortBy', { name: t(column.text) })} onClick={() => choose(column, sort)}>
                <span>{t(column.text)}</span>
                <Icon name="sort" size={14} />
              </button>
            </span>
          );
        })}
      </div>
    </div>
  );
}

/** The same where there is no room for columns. */
export function SortChoice({ sort }: { sort: Sort }) {
  const columnOf = (key: string) => COLUMNS.find((one) => one.key === key) ?? COLUMNS[0];
  return (
    <div class="sort-choice">
      <select aria-label={t('clients.sort')} value={sort.column} onChange={(event) => choose(columnOf(event.currentTarget.value), sort)}>
        {COLUMNS.map((column) => (
          <option key={column.key} value={column.key}>
            {t(column.text)}
          </option>
        ))}
      </select>
      <Button
        look="quiet"
        icon={sort.order === 'asc' ? 'up' : 'down'}
        label={t(sort.order === 'asc' ? 'clients.ascending' : 'clients.descending')}
        onClick={() => sortBy(turned(sort))}
      />
    </div>
  );
}
