/** JSON to be folded, in which a click on a number draws it. */

import { useMemo, useState } from 'preact/hooks';
import { isDrawn, toggleSeries } from '../../charts/live_chart';
import { formatNumber, t } from '../../i18n';
import { numberOf, pathOf, type JsonDocument, type JsonNode } from '../../payload/json';
import { plain } from '../../payload/text';
import { rowHeight } from '../../state/preferences';
import { Icon } from '../../ui/icons';
import { VirtualList } from '../../ui/virtual';

/** Documents of so many values are open as a whole at first. */
const SMALL = 300;
const MOST_INDENT = 24;
/** Paths that are longer are not drawn: they would not fit into an address. */
const MOST_PATH = 1000;

const isContainer = (node: JsonNode) => node.kind === 'object' || node.kind === 'array';

/** A number for each place in a document that is the same in the next document of that shape. */
function placesOf(document: JsonDocument): Int32Array {
  const places = new Int32Array(document.nodes.length);
  for (const [index, node] of document.nodes.entries()) {
    let place = node.parent < 0 ? 17 : places[node.parent]!;
    const key = String(node.key);
    for (let i = 0; i < key.length; i++) place = (Math.imul(place, 31) + key.charCodeAt(i)) | 0;
    places[index] = Math.imul(place, 0x9e3779b1) | 0;
  }
  return places;
}

export function JsonTree({ document, topic }: { document: JsonDocument; topic: string }) {
  /** Places that are not as they were at first. */
  const [flipped, setFlipped] = useState<ReadonlySet<number>>(new Set());
  const [active, setActive] = useState(-1);
  const places = useMemo(() => placesOf(document), [document]);
  const isOpen = (index: number) => {
    const { depth } = document.nodes[index]!;
    const isOpenAtFirst = depth < 1 || (document.nodes.length <= SMALL && depth < 20);
    return isOpenAtFirst !== flipped.has(places[index]!);
  };
  const rows = useMemo(() => {
    const found: number[] = [];
    for (let index = 0; index < document.nodes.length; ) {
      const node = document.nodes[index]!;
      found.push(index);
      index = isContainer(node) && !isOpen(index) ? node.skip : index + 1;
    }
    return found;
  }, [document, flipped]);
  const toggle = (index: number) => {
    const next = new Set(flipped);
    if (!next.delete(places[index]!)) next.add(places[index]!);
    setFlipped(next);
  };
  const onKeyDown = (event: KeyboardEvent) => {
    const index = rows[active];
    const node = index === undefined ? undefined : document.nodes[index];
    if (index === undefined || node === undefined) return;
    const wantsOpen = event.key === 'ArrowRight' ? true : event.key === 'ArrowLeft' ? false : null;
    if (isContainer(node) && wantsOpen !== null && isOpen(index) !== wantsOpen) toggle(index);
    else if (event.key === 'Enter' || event.key === ' ') {
      if (isContainer(node)) toggle(index);
      else if (numberOf(document, node) !== null) draw(document, index, topic);
    } else return;
    event.preventDefault();
  };
  const height = rowHeight.value < 30 ? 24 : 40;
  return (
    <VirtualList
      class="json-tree"
      role="tree"
      label={t('topic.view.json')}
      count={rows.length}
      rowHeight={height}
      active={active}
      activeId={active >= 0 ? `json-row-${active}` : undefined}
      onActive={setActive}
      onKeyDown={onKeyDown}
      row={(at) => {
        const index = rows[at]!;
        const node = document.nodes[index]!;
        const holds = isContainer(node);
        return (
          <div
            key={at}
            id={`json-row-${at}`}
            role="treeitem"
            aria-level={node.depth + 1}
            aria-expanded={holds ? isOpen(index) : undefined}
            class={`json-row${at === active ? ' active' : ''}`}
            onClick={() => {
              setActive(at);
              if (holds) toggle(index);
            }}
          >
            <span class="indent" style={{ width: `${Math.min(node.depth, MOST_INDENT) * 14}px` }} />
            <span class={`caret${holds ? (isOpen(index) ? ' open' : '') : ' none'}`}>{holds && <Icon name="chevron" size={12} />}</span>
            {node.key !== null && (
              <bdi dir="ltr" class={typeof node.key === 'number' ? 'key index' : 'key'}>
                {typeof node.key === 'number' ? node.key : node.key === '' ? '""' : plain(node.key, 120)}
              </bdi>
            )}
            {holds ? <Holds node={node} /> : <Scalar {...{ document, index, topic }} />}
          </div>
        );
      }}
    />
  );
}

function Holds({ node }: { node: JsonNode }) {
  const [open, close] = node.kind === 'object' ? '{}' : '[]';
  return (
    <span class="holds">
      {open}
      {node.size > 0 && formatNumber(node.size)}
      {close}
    </span>
  );
}

function draw(document: JsonDocument, index: number, topic: string) {
  const path = pathOf(document, index);
  if (path.length <= MOST_PATH) toggleSeries(topic, path);
}

function Scalar({ document, index, topic }: { document: JsonDocument; index: number; topic: string }) {
  const node = document.nodes[index]!;
  const text = plain(document.text.slice(node.start, Math.min(node.end, node.start + 1000)), 400);
  if (numberOf(document, node) === null || node.depth > 100) {
    return <bdi dir="ltr" class={`scalar ${node.kind}`}>{text}</bdi>;
  }
  const path = pathOf(document, index);
  const drawn = isDrawn(topic, path);
  return (
    <button
      type="button"
      class={`scalar drawable ${node.kind}`}
      tabIndex={-1}
      aria-pressed={drawn}
      title={drawn ? t('topic.drawn') : t('topic.draw')}
      onClick={(event) => {
        event.stopPropagation();
        draw(document, index, topic);
      }}
    >
      <span class="num">{text}</span>
      <Icon name="charts" size={13} />
    </button>
  );
}
