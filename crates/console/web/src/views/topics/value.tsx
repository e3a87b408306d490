/** A payload as text, as a tree of JSON, as bytes, as a picture, or beside the one before it. */

import { useEffect, useMemo, useState } from 'preact/hooks';
import { saveBlob } from '../../charts/save';
import { formatBytes, t } from '../../i18n';
import { changedPart, diffLines, type DiffLine } from '../../payload/diff';
import { isCut } from '../../mqtt/whole';
import { prettyJson, tryJson, type JsonDocument } from '../../payload/json';
import { hexLine, imageType, plainLines, textOf, toBase64 } from '../../payload/text';
import { query, setQuery } from '../../state/route';
import type { Message } from '../../topics/history';
import { Button, CopyButton, Segmented } from '../../ui/controls';
import { VirtualList } from '../../ui/virtual';
import { JsonTree } from './json_tree';

type View = 'text' | 'json' | 'hex' | 'image' | 'diff';
const VIEWS: View[] = ['text', 'json', 'hex', 'image', 'diff'];

/** What is laid out as text; the whole can be saved. */
const MOST_TEXT = 65_536;
const MOST_JSON_BYTES = 8 << 20;
const MOST_DIFF = 400_000;

/** The payload's text and JSON, read once for each payload. */
function readingOf(payload: Uint8Array, isCut: boolean): { text: string | null; json: JsonDocument | null } {
  const text = textOf(payload, isCut);
  const isMaybeJson = !isCut && text !== null && payload.length <= MOST_JSON_BYTES && /^\s*[[{]/.test(text);
  return { text, json: isMaybeJson ? tryJson(text) : null };
}

export function Value({ topic, message, before }: { topic: string; message: Message; before: Message | null }) {
  const { payload } = message;
  const isPart = isCut(message);
  const { text, json } = useMemo(() => readingOf(payload, isPart), [payload, isPart]);
  const image = useMemo(() => imageType(payload), [payload]);
  const wanted = VIEWS.find((view) => view === query('view'));
  const best: View = image ? 'image' : json ? 'json' : text !== null ? 'text' : 'hex';
  const isPossible: Record<View, boolean> = { text: text !== null, json: json !== null, hex: true, image: image !== null, diff: before !== null };
  const view = wanted && isPossible[wanted] ? wanted : best;
  return (
    <section class="value-card" aria-label={t('topic.value')}>
      <div class="toolbar">
        <Segmented
          label={t('topic.view')}
          value={view}
          options={VIEWS.map((value) => ({ value, text: t(`topic.view.${value}`), disabled: !isPossible[value] }))}
          onChange={(value) => setQuery('view', value === best ? null : value)}
        />
        <span class="grow" />
        <CopyButton text={() => text ?? toBase64(payload)} label={t(isPart ? 'topic.copyBeginning' : 'topic.copyValue')} />
        <Button
          look="quiet"
          icon="download"
          label={t(isPart ? 'topic.saveBeginning' : 'topic.save')}
          onClick={() => saveBlob(isPart ? 'payload-beginning.bin' : 'payload.bin', new Blob([payload as Uint8Array<ArrayBuffer>], { type: 'application/octet-stream' }))}
        />
      </div>
      <div class={view === 'text' && isShort(text!) ? 'value-body short' : 'value-body'}>
        {view === 'text' && <TextView text={text!} />}
        {view === 'json' && <JsonTree document={json!} topic={topic} />}
        {view === 'hex' && <HexView payload={payload} />}
        {view === 'image' && <ImageView payload={payload} type={image!} />}
        {view === 'diff' && <DiffView before={before!} after={message} />}
      </div>
    </section>
  );
}

const isShort = (text: string) => text.length <= 240 && text.split('\n').length <= 3;

function TextView({ text }: { text: string }) {
  if (text === '') return <p class="hint pad">{t('topic.emptyPayload')}</p>;
  return (
    <>
      <pre class="text-view" tabIndex={0} dir="auto">
        {plainLines(text.slice(0, MOST_TEXT))}
      </pre>
      {text.length > MOST_TEXT && <p class="hint pad">{t('topic.cut', { size: formatBytes(MOST_TEXT) })}</p>}
    </>
  );
}

function HexView({ payload }: { payload: Uint8Array }) {
  const width = innerWidth < 520 ? 8 : 16;
  return (
    <VirtualList
      class="hex-view"
      label={t('topic.view.hex')}
      count={Math.ceil(payload.length / width)}
      rowHeight={20}
      row={(index) => {
        const line = hexLine(payload, index, width);
        return (
          <div key={index} role="listitem" class="hex-row">
            <span class="offset">{line.offset}</span>
            <span class={width === 8 ? 'bytes narrow' : 'bytes'}>{line.hex}</span>
            <span class="ascii">{line.ascii}</span>
          </div>
        );
      }}
    />
  );
}

function ImageView({ payload, type }: { payload: Uint8Array; type: string }) {
  const [url, setUrl] = useState<string | null>(null);
  const [isBroken, setBroken] = useState(false);
  useEffect(() => {
    const made = URL.createObjectURL(new Blob([payload as Uint8Array<ArrayBuffer>], { type }));
    setUrl(made);
    setBroken(false);
    return () => URL.revokeObjectURL(made);
  }, [payload]);
  if (isBroken) return <p class="hint pad">{t('topic.brokenImage')}</p>;
  return <div class="image-view">{url && <img src={url} alt={t('topic.imageOf', { type })} onError={() => setBroken(true)} />}</div>;
}

// ------------------------------------------------------------------------------------------------ differences

const CONTEXT = 3;

function comparable(message: Message): string | null {
  const { text, json } = readingOf(message.payload, isCut(message));
  const laid = json ? prettyJson(json, MOST_DIFF) : text;
  return laid === null || laid.length > MOST_DIFF ? null : laid;
}

function DiffView({ before, after }: { before: Message; after: Message }) {
  const lines = useMemo(() => {
    const [one, other] = [comparable(before), comparable(after)];
    return one === null || other === null ? null : diffLines(one, other);
  }, [before, after]);
  if (lines === null) return <p class="hint pad">{t('topic.noDiff')}</p>;
  if (lines.every((line) => line.kind === 'same')) return <p class="hint pad">{t('topic.sameAsBefore')}</p>;
  return (
    <div class="diff-view" tabIndex={0} role="group" aria-label={t('topic.view.diff')}>
      {folded(lines).map((line, index) =>
        'hidden' in line ? (
          <div key={index} class="diff-line skipped">
            {t('topic.sameLines', { n: line.hidden })}
          </div>
        ) : (
          <div key={index} class={`diff-line ${line.kind}`}>
            <span class="sign" aria-hidden="true">{line.kind === 'added' ? '+' : line.kind === 'removed' ? '−' : ' '}</span>
            <span class="unseen">{line.kind === 'added' ? t('topic.added') : line.kind === 'removed' ? t('topic.removed') : ''}</span>
            <MarkedLine line={line} other={partner(lines, line)} />
          </div>
        ),
      )}
    </div>
  );
}

/** Long runs of what is the same, without their middle. */
function folded(lines: DiffLine[]): (DiffLine | { hidden: number })[] {
  const near = new Uint8Array(lines.length);
  for (const [index, line] of lines.entries()) {
    if (line.kind === 'same') continue;
    near.fill(1, Math.max(0, index - CONTEXT), index + CONTEXT + 1);
  }
  const shown: (DiffLine | { hidden: number })[] = [];
  for (const [index, line] of lines.entries()) {
    const last = shown.at(-1);
    if (near[index] === 1) shown.push(line);
    else if (last && 'hidden' in last) last.hidden++;
    else shown.push({ hidden: 1 });
    if (shown.length >= 1000) break;
  }
  return shown;
}

/** The line that took the place of another, where one stands right behind the other. */
function partner(lines: DiffLine[], line: DiffLine): DiffLine | null {
  if (line.kind === 'same' || lines.length > 4000) return null;
  const index = lines.indexOf(line);
  const [next, last] = [lines[index + 1], lines[index - 1]];
  if (line.kind === 'removed' && next?.kind === 'added') return next;
  if (line.kind === 'added' && last?.kind === 'removed') return last;
  return null;
}

function MarkedLine({ line, other }: { line: DiffLine; other: DiffLine | null }) {
  const text = line.text.slice(0, 4000);
  if (other === null) return <span>{plainLines(text)}</span>;
  const isBefore = line.kind === 'removed';
  const part = changedPart(isBefore ? text : other.text, isBefore ? other.text : text);
  const end = isBefore ? part.beforeEnd : part.afterEnd;
  return (
    <span>
      {plainLines(text.slice(0, part.start))}
      <mark>{plainLines(text.slice(part.start, end))}</mark>
      {plainLines(text.slice(end))}
    </span>
  );
}
