/** uPlot in our colours, as a part of a page. It is loaded when the first picture is drawn. */

import { useEffect, useLayoutEffect, useRef, useState } from 'preact/hooks';
import type uPlotType from 'uplot';
import { formatTime, language } from '../i18n';
import { isDark } from '../state/preferences';

export type Column = (number | null | undefined)[];

export interface PlotSeries {
  color: string;
  axis?: 'left' | 'right';
  isStepped?: boolean;
  isFilled?: boolean;
}

export interface PlotProps {
  label: string;
  /** Milliseconds. */
  times: number[];
  columns: Column[];
  series: PlotSeries[];
  range: [number, number] | null;
  height: number;
  format: (value: number) => string;
  /** The time under the pointer, or null. */
  onCursor?: (timeMs: number | null) => void;
  /** A part of time was chosen with the pointer. */
  onSelect?: (fromMs: number, toMs: number) => void;
  onReset?: () => void;
  /** Pictures of one key show the same time under the pointer. */
  syncKey?: string;
  /** Values are bytes: round numbers are those of KiB and MiB. */
  isBytes?: boolean;
  /** Values are counts: there are no halves. */
  isWhole?: boolean;
  /** The vertical axis begins at nought. */
  fromZero?: boolean;
  /** It reaches at least to here: less than that is quiet, and looks so. */
  atLeast?: number;
  /** Called with the picture, so that it can be kept. */
  canvas?: { current: HTMLCanvasElement | null };
}

let loaded: typeof uPlotType | null = null;
const loading = () => import('uplot').then((module) => (loaded = module.default));

/** Colours of lines, one after the other; chosen to differ for those who see few colours too. */
const LIGHT = ['#0b6e5f', '#b3541e', '#3d5fc4', '#9c2f78', '#7a6500', '#4b6a8f', '#b3261e', '#467a22', '#6a4fb3', '#8a5a44', '#1f7a94', '#5f6660'];
const DARK = ['#5cc8b0', '#f0a067', '#8fa8ff', '#e58cc8', '#d9c84f', '#9db8d6', '#ff8a80', '#9bce7a', '#b9a3f5', '#d3a68f', '#6cc5de', '#b4bdb9'];
export const lineColor = (index: number) => (isDark.value ? DARK : LIGHT)[index % LIGHT.length]!;

function themeColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}

export function Plot(props: PlotProps) {
  const element = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlotType | null>(null);
  const [isLoaded, setLoaded] = useState(loaded !== null);
  const latest = useRef(props);
  latest.current = props;
  // What cannot be changed on a picture that there is.
  const shape = JSON.stringify([props.series, props.height, props.fromZero, props.syncKey, isDark.value, language.value]);

  useEffect(() => {
    if (!isLoaded) void loading().then(() => setLoaded(true));
  }, []);

  useLayoutEffect(() => {
    if (!isLoaded || loaded === null) return;
    const host = element.current!;
    const made = new loaded(optionsOf(latest, host.clientWidth || 300), dataOf(latest.current), host);
    plot.current = made;
    if (props.canvas) props.canvas.current = made.ctx.canvas;
    const observer = new ResizeObserver(() => made.setSize({ width: host.clientWidth || 300, height: latest.current.height }));
    observer.observe(host);
    return () => {
      observer.disconnect();
      made.destroy();
      plot.current = null;
    };
  }, [isLoaded, shape]);

  useLayoutEffect(() => {
    const made = plot.current;
    if (made === null) return;
    made.batch(() => {
      made.setData(dataOf(props), false);
      const [min, max] = rangeOf(props);
      made.setScale('x', { min, max });
    });
  }, [isLoaded, shape, props.times, props.columns, props.range?.[0], props.range?.[1]]);

  return (
    <div
      class="plot"
      ref={element}
      role="img"
      aria-label={props.label}
      style={{ height: `${props.height}px` }}
      onDblClick={() => props.onReset?.()}
    />
  );
}

function dataOf(props: PlotProps): uPlotType.AlignedData {
  return [props.times.map((time) => time / 1000), ...props.columns] as uPlotType.AlignedData;
}

function rangeOf(props: PlotProps): [number, number] {
  if (props.range) return [props.range[0] / 1000, props.range[1] / 1000];
  const [first, last] = [props.times[0] ?? 0, props.times.at(-1) ?? 1000];
  return [first / 1000, Math.max(last, first + 1) / 1000];
}

function optionsOf(latest: { current: PlotProps }, width: number): uPlotType.Options {
  const props = latest.current;
  const [ink, lines] = [themeColor('--muted'), themeColor('--line')];
  const font = `11px ${getComputedStyle(document.body).fontFamily}`;
  const hasRight = props.series.some((one) => one.axis === 'right');
  const axis = { stroke: ink, font, ticks: { show: false }, grid: { stroke: lines, width: 1 } };
  const vertical = (scale: string, side: 1 | 3): uPlotType.Axis => ({
    ...axis,
    scale,
    side,
    grid: { ...axis.grid, show: side === 3 },
    size: (_plot, values) => 16 + 6.6 * Math.max(3, ...(values ?? []).map((value) => value.length)),
    // Where there are no values the axis has no scale.
    values: (_plot, splits) => splits.map((value) => (latest.current.times.length === 0 ? '' : latest.current.format(value))),
    space: 34,
    ...(props.isBytes ? { incrs: BYTE_STEPS } : props.isWhole ? { incrs: WHOLE_STEPS } : {}),
  });
  const valueRange: uPlotType.Scale.Range = (_plot, min, max) => {
    if (min === null || max === null || !Number.isFinite(min) || !Number.isFinite(max)) return [0, 1];
    const least = latest.current.fromZero ? Math.min(0, min) : min;
    const pad = max > least ? (max - least) * 0.08 : Math.abs(max) * 0.1 || 1;
    const top = Math.max(max + pad, latest.current.atLeast ?? -Infinity);
    return [latest.current.fromZero && least === 0 ? 0 : least - pad, top];
  };
  return {
    width,
    height: props.height,
    legend: { show: false },
    padding: [8, hasRight ? 4 : 24, 0, 0],
    cursor: {
      points: { size: 6 },
      drag: { x: props.onSelect !== undefined, y: false, setScale: false },
      dblclick: undefined,
      bind: { dblclick: () => null },
      ...(props.syncKey === undefined ? {} : { sync: { key: props.syncKey } }),
    } as uPlotType.Cursor,
    scales: {
      x: { time: true },
      y: { range: valueRange },
      ...(hasRight ? { right: { range: valueRange } } : {}),
    },
    axes: [
      { ...axis, grid: { show: false }, values: (_plot, splits, _index, _space, step) => splits.map((at) => tickText(at, step)), space: 70, size: 30 },
      vertical('y', 3),
      ...(hasRight ? [vertical('right', 1)] : []),
    ],
    series: [
      {},
      ...props.series.map((one): uPlotType.Series => ({
        scale: one.axis === 'right' ? 'right' : 'y',
        stroke: one.color,
        width: 1.5,
        spanGaps: false,
        points: { show: pointsShown, size: 4, fill: one.color, stroke: one.color },
        ...(one.isFilled ? { fill: one.color + '1f' } : {}),
        ...(one.isStepped && loaded ? { paths: loaded.paths.stepped!({ align: 1 }) } : {}),
      })),
    ],
    hooks: {
      setCursor: [
        (plot) => {
          const { idx } = plot.cursor;
          const at = idx === null || idx === undefined ? undefined : plot.data[0][idx];
          latest.current.onCursor?.(at === undefined ? null : at * 1000);
        },
      ],
      setSelect: [
        (plot) => {
          const { left, width: selected } = plot.select;
          if (selected < 4) return;
          latest.current.onSelect?.(plot.posToVal(left, 'x') * 1000, plot.posToVal(left + selected, 'x') * 1000);
          plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        },
      ],
    },
  };
}

const BYTE_STEPS = [0, 1, 2, 3, 4].flatMap((power) => [1, 2, 5, 10, 20, 50, 100, 200, 500].map((step) => step * 1024 ** power));

const WHOLE_STEPS = Array.from({ length: 12 }, (_, power) => [1, 2, 5].map((step) => step * 10 ** power)).flat();

/** Single values are seen as points as long as they are few. */
function pointsShown(plot: uPlotType, index: number): boolean {
  let count = 0;
  for (const value of plot.data[index]!) if (value !== undefined && value !== null) count++;
  return count > 0 && count < plot.width / 14;
}

function tickText(seconds: number, stepS: number): string {
  const ms = seconds * 1000;
  if (stepS >= 86_400) return new Date(ms).toLocaleDateString(language.value, { month: 'short', day: 'numeric' });
  return stepS >= 60 ? formatTime(ms).slice(0, 5) : formatTime(ms);
}
