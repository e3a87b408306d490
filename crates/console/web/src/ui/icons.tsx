/** Icons, drawn with one pen: 20 × 20, a line of 1.5. */

const PATHS = {
  topics: 'M4 3v11.500a1.500 1.500 0 0 0 1.500 1.500H8M4 7h4M11 4.500h5.500v5H11zM11 13h5.500v4H11z',
  charts: 'M3 3v14h14M6 12.500l3-4 3 2.500 4.500-6',
  publish: 'M17 3 8.500 11.500M17 3l-5 14-3.500-5.500L3 8z',
  retained: 'M6.500 3h7M8 3v5l-2.500 3v1.500h9V11L12 8V3M10 12.500V17.500',
  clients: 'M3 4.500h14v9H3zM7 17h6M10 13.500V17',
  problems: 'M10 3 17.500 16.500h-15zM10 8v4M10 14.250v.250',
  server: 'M3.500 3.500h13v5.500h-13zM3.500 11h13v5.500h-13zM6.500 6.250v.010M6.500 13.750v.010M9.500 6.250h4M9.500 13.750h4',
  search: 'M8.750 3.500a5.250 5.250 0 1 1 0 10.500a5.250 5.250 0 0 1 0-10.500M12.750 12.750 17 17',
  close: 'M5 5l10 10M15 5 5 15',
  copy: 'M7 7h9.500v9.500H7zM4.500 13H3.500V3.500H13v1',
  check: 'M4 10.500 8 14.500 16 5.500',
  pause: 'M7 4.500v11M13 4.500v11',
  play: 'M6.500 4v12l9-6z',
  sun: 'M10 6.750a3.250 3.250 0 1 1 0 6.500a3.250 3.250 0 0 1 0-6.500M10 2v1.750M10 16.250V18M2 10h1.750M16.250 10H18M4.350 4.350l1.200 1.200M14.450 14.450l1.200 1.200M4.350 15.650l1.200-1.200M14.450 5.550l1.200-1.200',
  moon: 'M16.500 12A7 7 0 1 1 8 3.500a5.500 5.500 0 0 0 8.500 8.500',
  auto: 'M10 3a7 7 0 1 1 0 14a7 7 0 0 1 0-14M10 3v14M10 6.500h3.700M10 10h7M10 13.500h5.500',
  chevron: 'M7.500 5l5 5-5 5',
  back: 'M12.500 4.500 7 10l5.500 5.500',
  download: 'M10 3v9.500M6 9l4 4 4-4M3.500 16.500h13',
  image: 'M3 4h14v12H3zM3 13l4-4 4 4 2.500-2.500L17 14M13 7.500v.010',
  trash: 'M3.500 5.500h13M8 5.500V3.500h4v2M5.500 5.500l.750 11h7.500l.750-11M8.500 8.500v5M11.500 8.500v5',
  plus: 'M10 4v12M4 10h12',
  disconnect: 'M10 2.500V9M5.800 5.300a6.250 6.250 0 1 0 8.400 0',
  keyboard: 'M2.500 5h15v10h-15zM5.500 8v.010M8.500 8v.010M11.500 8v.010M14.500 8v.010M6.500 12h7',
  language: 'M10 3a7 7 0 1 1 0 14a7 7 0 0 1 0-14M3 10h14M10 3c2.300 2 3 4.500 3 7s-.700 5-3 7c-2.300-2-3-4.500-3-7s.700-5 3-7',
  user: 'M10 3.250a3.250 3.250 0 1 1 0 6.500a3.250 3.250 0 0 1 0-6.500M3.500 17c.600-3.300 3.200-5 6.500-5s5.900 1.700 6.500 5',
  again: 'M16 10a6 6 0 1 1-1.900-4.400M16.500 3v3.500H13',
  link: 'M8.500 11.500a3.500 3.500 0 0 0 5 0l2.500-2.500a3.500 3.500 0 0 0-5-5L10 5M11.500 8.500a3.500 3.500 0 0 0-5 0L4 11a3.500 3.500 0 0 0 5 5l1-1',
  lock: 'M5 9h10v7.500H5zM7 9V6.500a3 3 0 0 1 6 0V9',
  swap: 'M6 3.500 3 6.500l3 3M3 6.500h11M14 10.500l3 3-3 3M17 13.500H6',
  sort: 'M6 12.500l4 4 4-4M6 7.500l4-4 4 4',
  up: 'M5 9l5-5 5 5M10 4v12.500',
  down: 'M5 11l5 5 5-5M10 16V3.500',
  settings: 'M3 6h7.500M14.500 6H17M3 14h2.500M9.500 14H17M12.500 4v4M7.500 12v4',
} as const;

export type IconName = keyof typeof PATHS;

export function Icon({ name, size = 18 }: { name: IconName; size?: number }) {
  return (
    <svg class="icon" width={size} height={size} viewBox="0 0 20 20" aria-hidden="true" focusable="false">
      <path d={PATHS[name]} />
    </svg>
  );
}

/** The midge: two wings, a body, six legs of which four are seen. */
export function Logo({ size = 26 }: { size?: number }) {
  return (
    <svg class="logo" width={size} height={size} viewBox="0 0 32 32" aria-hidden="true" focusable="false">
      <g fill="none" stroke="currentColor" stroke-width="2" stroke-linecap="round" stroke-linejoin="round">
        <path class="wing" d="M15 15C11 6 5 5 4.500 9S9 15.500 15 15Z" />
        <path class="wing" d="M17 15C21 6 27 5 27.500 9S23 15.500 17 15Z" />
        <path d="M16 13.500V25.500" />
        <path d="M14.500 10 13 6.500M17.500 10 19 6.500M13.500 19 9 23.500M18.500 19 23 23.500" stroke-width="1.500" />
      </g>
      <circle cx="16" cy="12" r="2.600" fill="currentColor" />
    </svg>
  );
}
