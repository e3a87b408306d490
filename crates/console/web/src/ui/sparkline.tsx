/** A small line without axes, for the course of one number. */

export function Sparkline(props: {
  values: number[];
  label: string;
  height?: number;
  width?: number;
  fromZero?: boolean;
  isWide?: boolean;
}) {
  const { values, height = 28, width = 240 } = props;
  const least = props.fromZero ? 0 : Math.min(...values);
  const most = Math.max(...values, least + 1e-9);
  const span = most - least || 1;
  const points = values.map((value, index) => {
    const x = values.length < 2 ? 0 : (index / (values.length - 1)) * width;
    const y = height - 2 - ((value - least) / span) * (height - 4);
    return `${x.toFixed(1)},${y.toFixed(1)}`;
  });
  return (
    <svg class={`sparkline${props.isWide ? ' wide' : ''}`} viewBox={`0 0 ${width} ${height}`} height={height} preserveAspectRatio="none" role="img" aria-label={props.label}>
      {points.length > 1 && (
        <>
          <polygon points={`0,${height} ${points.join(' ')} ${width},${height}`} />
          <polyline points={points.join(' ')} />
        </>
      )}
    </svg>
  );
}
