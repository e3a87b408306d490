/** The picture of all series that are drawn, with their table, and what can be done with it. */

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import { formatDateTime, formatDuration, formatTime, formatValue, t } from '../i18n';
import { plain } from '../payload/text';
import { drawnOf, drawnVersion } from '../state/drawn';
import { isWide } from '../state/preferences';
import { chart, hrefOf, setChart } from '../state/route';
import { session } from '../state/session';
import { sameSeries, windowOf, windowsFor, windowThatHas, type DrawnSeries } from '../state/url';
import { Button, Segmented, tell } from '../ui/controls';
import { Icon } from '../ui/icons';
import { lineColor, Plot, type Column } from './plot';
import { savePicture, saveText } from './save';
import { begunMs, hasValues, joined, lastMs, Samples, thinned, toCsv } from './samples';

export const seriesName = (series: { topic: string; path: string }) =>
  series.path === '' ? series.topic : `${series.topic}  ›  ${series.path}`;

/** Draws a number, or takes it out of the picture. */
export function toggleSeries(topic: string, path: string) {
  const { series } = chart.value;
  const one: DrawnSeries = { topic, path, axis: 'left' };
  const isDrawn = series.some((other) => sameSeries(other, one));
  setChart({ ...chart.value, series: isDrawn ? series.filter((other) => !sameSeries(other, one)) : [...series, one] });
}

export const isDrawn = (topic: string, path: string) => chart.value.series.some((one) => sameSeries(one, { topic, path }));

const NONE = new Samples();
const samplesOf = (series: DrawnSeries) => drawnOf(series)?.samples ?? NONE;

/** A picture need not be newer than this; calm enough to be read. */
const REDRAW_MS = 250;

export function LiveChart({ height, isSmall = false }: { height: number; isSmall?: boolean }) {
  const state = chart.value;
  const [now, setNow] = useState(Date.now());
  const [cursorMs, setCursor] = useState<number | null>(null);
  const canvas = useRef<HTMLCanvasElement | null>(null);
  const [version, setVersion] = useState(0);

  useEffect(() => {
    const timer = setInterval(() => {
      if (document.hidden) return;
      setNow(Date.now());
      setVersion(drawnVersion.peek());
    }, REDRAW_MS);
    return () => clearInterval(timer);
  }, []);

  const samples = state.series.map(samplesOf);
  const [begun, last] = [begunMs(samples), lastMs(samples)];
  const agoS = (ms: number | null) => (ms === null ? 0 : Math.max(0, now - ms) / 1000);
  const windowS = windowOf(state, agoS(begun), agoS(last));
  const range: [number, number] = state.range ?? [now - windowS * 1000, now];
  const isEmpty = !hasValues(samples, range);
  const windows = windowsFor(agoS(begun), windowS);
  const isStill = state.range !== null;
  const changed = isStill ? `${version}` : `${version} ${Math.floor(now / REDRAW_MS)}`;
  const { times, columns } = useMemo(() => pictureOf(state.series, range), [changed, state, range[0], isSmall]);

  const zoom = (fromMs: number, toMs: number) => {
    if (toMs - fromMs >= 100) setChart({ ...state, range: [fromMs, toMs] });
  };
  /** The shortest window in which the last value is, a little from the edge; what is older than all of them is looked at where it is. */
  const showLast = (lastMs: number) => {
    const windowS = windowThatHas(((Date.now() - lastMs) / 1000) * 1.1);
    setChart({ ...state, ...(windowS === null ? { range: [lastMs - 450_000, lastMs + 450_000] } : { windowS, range: null }) });
  };
  const live = () => setChart({ ...state, range: null });
  // What is paused stands in the address too, so that a link leads to what is seen.
  const pause = () => setChart({ ...state, range });
  const onKeyDown = (event: KeyboardEvent) => {
    if (event.target !== event.currentTarget) return;
    const length = range[1] - range[0];
    const moves: Record<string, () => void> = {
      '+': () => zoom(range[0] + length / 4, range[1] - length / 4),
      '-': () => zoom(range[0] - length / 2, range[1] + length / 2),
      ArrowLeft: () => zoom(range[0] - length / 4, range[1] - length / 4),
      ArrowRight: () => zoom(range[0] + length / 4, range[1] + length / 4),
      Escape: live,
      ' ': () => (isStill ? live() : pause()),
    };
    const move = moves[event.key];
    if (!move) return;
    event.preventDefault();
    event.stopPropagation();
    move();
  };

  return (
    <section class="live-chart" aria-label={t('charts.picture')}>
      <div class="toolbar">
        {(!isSmall || isWide.value) && (
          <Segmented
            label={t('charts.window')}
            value={state.range ? 0 : windowS}
            options={windows.filter((s) => !isSmall || s <= 3600).map((value) => ({ value, text: formatDuration(value * 1000) }))}
            onChange={(windowS) => setChart({ ...state, windowS, range: null })}
          />
        )}
        <Button
          icon={isStill ? 'play' : 'pause'}
          onClick={() => (isStill ? live() : pause())}
          aria-pressed={isStill}
        >
          {isStill ? t('charts.live') : t('charts.pause')}
        </Button>
        {isStill && (
          <span class="range-text num">
            {formatDateTime(range[0])} – {formatDateTime(range[1])}
          </span>
        )}
        <span class="grow" />
        {isSmall ? (
          <a class="button plain" href={hrefOf('charts')}>
            <Icon name="charts" size={16} />
            <span>{isWide.value ? t('charts.open') : t('nav.charts')}</span>
          </a>
        ) : (
          <Exports series={state.series} range={range} canvas={canvas} />
        )}
      </div>
      <div class="plot-frame" tabIndex={0} role="group" aria-label={t('charts.keys')} onKeyDown={onKeyDown}>
        <Plot
          label={t('charts.pictureOf', { names: state.series.map((one) => plain(seriesName(one), 60)).join(', ') })}
          times={times}
          columns={columns}
          series={state.series.map((one, index) => ({ color: lineColor(index), axis: one.axis }))}
          range={range}
          height={height}
          format={formatValue}
          onCursor={setCursor}
          onSelect={zoom}
          onReset={live}
          canvas={canvas}
        />
        {isEmpty && <NoValues series={state.series} version={version} last={last} onShow={showLast} />}
      </div>
      {!isSmall && <p class="hint begun">{!isStill && begun !== null && now - begun < windowS * 1000 && begunText(begun)}</p>}
      <Legend series={state.series} range={range} version={version} cursorMs={cursorMs} isSmall={isSmall} />
    </section>
  );
}

/** What stands in a picture in which nothing is, and leads to where something is. */
function NoValues({ series, last, onShow }: { series: DrawnSeries[]; version: number; last: number | null; onShow: (lastMs: number) => void }) {
  if (series.some((one) => drawnOf(one)?.isLoading)) return null;
  return (
    <div class="no-values">
      <p role="status">{last === null ? t('charts.noValues') : t('charts.noneInWindow', { time: formatDateTime(last) })}</p>
      {last !== null && <Button onClick={() => onShow(last)}>{t('charts.showLast')}</Button>}
    </div>
  );
}

/** Why the picture begins later than its window. */
const begunText = (begun: number) =>
  `${t('charts.begun', { time: formatDateTime(begun) })} ${t(session.value?.history ? 'charts.remembersHour' : 'charts.remembersNothing')}`;

function pictureOf(series: DrawnSeries[], range: [number, number]): { times: number[]; columns: Column[] } {
  // Lines go on to what is beyond the edges, but not through a picture in which nothing is.
  if (!hasValues(series.map(samplesOf), range)) return { times: [], columns: series.map(() => []) };
  const width = Math.min(innerWidth, 2000);
  const [times, ...columns] = joined(series.map((one) => thinned(samplesOf(one), range[0], range[1], width)));
  return { times, columns };
}

function Exports(props: { series: DrawnSeries[]; range: [number, number]; canvas: { current: HTMLCanvasElement | null } }) {
  const { series, range, canvas } = props;
  const csv = () => {
    const part = series.map((one) => {
      const samples = samplesOf(one);
      const [from, to] = [samples.indexAt(range[0]), samples.indexAt(range[1] + 1)];
      return { times: samples.times.slice(from, to), values: samples.values.slice(from, to) };
    });
    saveText('midge.csv', 'text/csv', toCsv(series.map(seriesName), part));
  };
  const picture = () => {
    if (canvas.current) void savePicture('midge.png', canvas.current, series.map((one, index) => ({ color: lineColor(index), text: plain(seriesName(one), 120) })));
  };
  const share = async () => {
    const isCopied = await navigator.clipboard?.writeText(location.href).then(() => true, () => false);
    tell(isCopied ? t('charts.linkCopied') : t('charts.linkInBar'));
  };
  return (
    <>
      <Button icon="link" label={t('charts.link')} onClick={share}>
        {isWide.value ? t('charts.link') : null}
      </Button>
      <Button icon="download" onClick={csv}>
        CSV
      </Button>
      <Button icon="image" onClick={picture}>
        PNG
      </Button>
    </>
  );
}

/** `version` counts what came: a part of the page whose properties are as they were is not drawn again, though there are more samples. */
function Legend(props: { series: DrawnSeries[]; range: [number, number]; version: number; cursorMs: number | null; isSmall: boolean }) {
  const { series, range, version, cursorMs, isSmall } = props;
  return (
    <div class="table-frame">
      <table class="legend">
        <thead>
          <tr>
            <th scope="col">{cursorMs === null ? t('charts.series') : formatTime(cursorMs, true)}</th>
            <th scope="col" class="num">{t('charts.value')}</th>
            {!isSmall && (
              <>
                <th scope="col" class="num">{t('charts.least')}</th>
                <th scope="col" class="num">{t('charts.mean')}</th>
                <th scope="col" class="num">{t('charts.most')}</th>
                <th scope="col">{t('charts.axis')}</th>
              </>
            )}
            <th scope="col">
              <span class="unseen">{t('charts.remove')}</span>
            </th>
          </tr>
        </thead>
        <tbody>
          {series.map((one, index) => (
            <LegendRow key={index} {...{ one, index, range, version, cursorMs, isSmall }} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function LegendRow(props: { one: DrawnSeries; index: number; range: [number, number]; version: number; cursorMs: number | null; isSmall: boolean }) {
  const { one, index, range, cursorMs, isSmall } = props;
  const samples = samplesOf(one);
  const summary = samples.summary(range[0], range[1]);
  const at = cursorMs === null ? -1 : samples.indexAt(cursorMs + 1) - 1;
  const value = cursorMs === null ? summary?.last : samples.values[at];
  const shown = (number: number | null | undefined) => (number === undefined || number === null ? '–' : formatValue(number));
  const turn = () => {
    const series = chart.value.series.map((other): DrawnSeries =>
      sameSeries(other, one) ? { ...other, axis: other.axis === 'left' ? 'right' : 'left' } : other,
    );
    setChart({ ...chart.value, series });
  };
  return (
    <tr>
      <th scope="row">
        <span class="swatch" style={{ background: lineColor(index) }} />
        <a href={hrefOf('topics', one.topic)} title={plain(seriesName(one), 1000)}>
          <bdi dir="ltr">{plain(one.topic, 120)}</bdi>
          {one.path !== '' && <bdi dir="ltr" class="path">{plain(one.path, 80)}</bdi>}
        </a>
        {drawnOf(one)?.isLoading && <span class="hint">{t('common.loading')}</span>}
      </th>
      <td class="num strong">{shown(value)}</td>
      {!isSmall && (
        <>
          <td class="num">{shown(summary?.least)}</td>
          <td class="num">{shown(summary && Number(summary.mean.toPrecision(5)))}</td>
          <td class="num">{shown(summary?.most)}</td>
          <td>
            <Button look="quiet" onClick={turn}>
              {one.axis === 'left' ? t('charts.left') : t('charts.right')}
              <span class="unseen"> – {t('charts.turnAxis', { name: plain(seriesName(one), 80) })}</span>
            </Button>
          </td>
        </>
      )}
      <td>
        <Button look="quiet" icon="close" label={t('charts.removeOne', { name: plain(seriesName(one), 80) })} onClick={() => toggleSeries(one.topic, one.path)} />
      </td>
    </tr>
  );
}
