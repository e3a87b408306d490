/** The tree as a list that shows what is in sight, drawn anew a few times a second however much comes. */

import { signal } from '@preact/signals';
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { formatDateTime, formatNumber, formatRate, t } from '../../i18n';
import { plain, preview } from '../../payload/text';
import { isSettled, tree } from '../../state/live';
import { rowHeight } from '../../state/preferences';
import { go, query } from '../../state/route';
import { topicSearch } from '../../topics/filter';
import { ancestors, rowOf, visibleRows, type Search } from '../../topics/rows';
import { isServers, type TopicNode } from '../../topics/tree';
import { Empty, Loading } from '../../ui/controls';
import { Icon } from '../../ui/icons';
import { VirtualList } from '../../ui/virtual';

/** Often enough to be live, seldom enough to be read. */
const REDRAW_MS = 200;
const STRUCTURE_MS = 400;
const FRESH_MS = 700;
/** Groups are open at first, as long as what is in them is not much. */
const MOST_OPENED = 40;

const open = signal<ReadonlySet<string>>(new Set());
const closedInSearch = signal<ReadonlySet<string>>(new Set());
const OPENING_MS = 4000;
/** Until when groups are opened that come; nothing opens by itself under the hands of the user later. */
let openingEndMs = Infinity;

/** Opens the way to a topic. */
export function openTo(topic: string) {
  open.value = new Set([...open.value, ...ancestors(topic)]);
}

function toggled(set: ReadonlySet<string>, topic: string): ReadonlySet<string> {
  const next = new Set(set);
  if (!next.delete(topic)) next.add(topic);
  return next;
}

/** Level by level, as far as there is room: at the top each group by itself, below either all of a group's groups or none. */
function openAtFirst() {
  const opened = new Set(open.value);
  const top = tree.root.sortedChildren().filter((node) => !isServers(node.name));
  let shown = top.length;
  let families = top.map((node) => [node]);
  while (families.length > 0) {
    const below: TopicNode[][] = [];
    for (const family of families) {
      const groups = family.filter((node) => node.children !== null);
      const size = groups.reduce((sum, node) => sum + node.children!.size, 0);
      if (shown + size <= MOST_OPENED) for (const node of groups) opened.add(node.topic);
      for (const node of groups) {
        if (!opened.has(node.topic)) continue;
        shown += node.children!.size;
        below.push([...node.children!.values()]);
      }
    }
    families = below;
  }
  if (opened.size > open.value.size) open.value = opened;
}

let searches = 0;

/** The rows, made anew when nodes came, something was opened or the search is another. */
function useRows(searchText: string): TopicNode[] {
  const [rows, setRows] = useState<TopicNode[]>([]);
  const [, redraw] = useState(0);
  const search = useRef<{ text: string; asked: Search | null }>({ text: '', asked: null });
  if (search.current.text !== searchText) {
    const matches = topicSearch(searchText);
    search.current = { text: searchText, asked: matches ? { number: ++searches, matches } : null };
    closedInSearch.value = new Set();
  }
  const make = () => setRows(visibleRows(tree, open.value, search.current.asked, closedInSearch.value));
  useEffect(make, [searchText, open.value, closedInSearch.value]);
  useEffect(() => {
    let [structure, version, madeMs, turn] = [-1, -1, 0, 0];
    const timer = setInterval(() => {
      if (document.hidden) return;
      const now = performance.now();
      if (tree.structure !== structure && now - madeMs > STRUCTURE_MS) {
        if (tree.topics > 0 && openingEndMs === Infinity) openingEndMs = now + OPENING_MS;
        if (now < openingEndMs) openAtFirst();
        [structure, madeMs] = [tree.structure, now];
        make();
      } else if (tree.version !== version) {
        redraw(++turn);
      }
      version = tree.version;
    }, REDRAW_MS);
    return () => clearInterval(timer);
  }, []);
  return rows;
}

export function TreeList({ search, selected }: { search: string; selected: string }) {
  const rows = useRows(search);
  /** Rows come and go, so it is the topic that the keyboard is on. */
  const [activeTopic, setActiveTopic] = useState<string | null>(null);
  const active = useMemo(() => (activeTopic === null ? -1 : rowOf(rows, activeTopic)), [rows, activeTopic]);
  const setActive = (index: number) => setActiveTopic(rows[index]?.topic ?? null);
  const isSearch = search.trim() !== '';
  const isOpen = (node: TopicNode) => (isSearch ? !closedInSearch.value.has(node.topic) : open.value.has(node.topic));
  const toggle = (node: TopicNode) => {
    openingEndMs = 0;
    if (isSearch) closedInSearch.value = toggled(closedInSearch.value, node.topic);
    else open.value = toggled(open.value, node.topic);
  };
  const choose = (node: TopicNode) => go('topics', node.topic, query('q') ? [['q', query('q')!]] : []);

  // Somebody came with an address: the row of its topic is the active one as soon as it is there.
  useEffect(() => {
    if (selected !== '') setActiveTopic(selected);
  }, [selected]);

  const onKeyDown = (event: KeyboardEvent) => {
    const node = rows[active];
    if (node === undefined) return;
    if (event.key === 'Enter' || event.key === ' ') choose(node);
    else if (event.key === 'ArrowRight' && node.children && !isOpen(node)) toggle(node);
    else if (event.key === 'ArrowRight' && node.children) setActive(active + 1);
    else if (event.key === 'ArrowLeft' && node.children && isOpen(node)) toggle(node);
    else if (event.key === 'ArrowLeft' && node.parent && node.depth > 0) setActive(rows.indexOf(node.parent));
    else return;
    event.preventDefault();
  };

  if (rows.length === 0) return <NoRows isSearch={isSearch} />;
  const now = Date.now();
  return (
    <VirtualList
      class="tree"
      role="tree"
      label={t('nav.topics')}
      count={rows.length}
      rowHeight={rowHeight.value}
      active={active}
      activeId={rows[active] ? `topic-row-${active}` : undefined}
      activeKey={activeTopic}
      onActive={setActive}
      onKeyDown={onKeyDown}
      isFound
      row={(index) => {
        const node = rows[index]!;
        return (
          <Row
            key={index}
            {...{ node, index, now }}
            isOpen={isOpen(node)}
            isSelected={node.topic === selected}
            isActive={index === active}
            onToggle={() => toggle(node)}
            onChoose={() => {
              setActive(index);
              choose(node);
            }}
          />
        );
      }}
    />
  );
}

function NoRows({ isSearch }: { isSearch: boolean }) {
  if (isSearch) return <Empty icon="search" title={t('topics.nothingFound')}><p>{t('topics.nothingFoundHint')}</p></Empty>;
  if (isSettled()) return <Empty icon="topics" title={t('topics.none')} />;
  return <Loading rows={14} />;
}

interface RowProps {
  node: TopicNode;
  index: number;
  now: number;
  isOpen: boolean;
  isSelected: boolean;
  isActive: boolean;
  onToggle: () => void;
  onChoose: () => void;
}

const MOST_INDENT = 20;
/** Texts of payloads, so that each is decoded once. */
const previews = new WeakMap<Uint8Array, string>();

function previewOf(payload: Uint8Array): string {
  let text = previews.get(payload);
  if (text === undefined) {
    text = preview(payload, 120);
    previews.set(payload, text);
  }
  return text;
}

function Row({ node, index, now, isOpen, isSelected, isActive, onToggle, onChoose }: RowProps) {
  const hasChildren = node.children !== null;
  const isFresh = node.isTopic && now - node.lastMs < FRESH_MS;
  return (
    <div
      id={`topic-row-${index}`}
      role="treeitem"
      aria-level={node.depth + 1}
      aria-expanded={hasChildren ? isOpen : undefined}
      aria-selected={isSelected}
      class={`tree-row${isSelected ? ' selected' : ''}${isActive ? ' active' : ''}${isFresh ? ' fresh' : ''}`}
      onClick={onChoose}
      onDblClick={hasChildren ? onToggle : undefined}
    >
      <span class="indent" style={{ width: `${Math.min(node.depth, MOST_INDENT) * 14}px` }} />
      <span
        class={`caret${hasChildren ? (isOpen ? ' open' : '') : ' none'}`}
        onClick={(event) => {
          if (!hasChildren) return;
          event.stopPropagation();
          onToggle();
        }}
      >
        {hasChildren && <Icon name="chevron" size={14} />}
      </span>
      <bdi class="label" dir="ltr">
        {node.name === '' ? <i class="none">{t('common.emptyName')}</i> : plain(node.name, 120)}
      </bdi>
      {hasChildren && <span class="below num">{formatNumber(node.topicsBelow - (node.isTopic ? 1 : 0))}</span>}
      {node.isRetained && (
        <span class="pin" title={t('topics.retained')}>
          <Icon name="retained" size={13} />
          <span class="unseen">{t('topics.retained')}</span>
        </span>
      )}
      <span class="value" title={node.lastMs > 0 ? formatDateTime(node.lastMs) : undefined}>
        {node.payload !== null && <bdi dir="ltr">{previewOf(node.payload)}</bdi>}
      </span>
      <span class={`rate num${node.rate > 0 ? '' : ' zero'}`}>{node.rate > 0 ? formatRate(node.rate) : ''}</span>
    </div>
  );
}
