/** Text for HTML and SVG: nothing of it is markup. */
export function escapeHtml(text: string): string {
  return text
    .toWellFormed()
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}

export const PLOT = { width: 720, height: 300, left: 150, right: 24, top: 16, bottom: 44 } as const

/** A place on an axis. */
export interface Tick {
  at: number
  label: string
}

/** The frame of a plot: an accessible name, gridlines, labels. `x` and `y` are in pixels already. */
export function frame(options: {
  title: string
  desc: string
  height?: number
  left?: number
  x: readonly Tick[]
  y: readonly Tick[]
  xLabel: string
  body: string
}): string {
  const { width, right, top, bottom } = PLOT
  const { height = PLOT.height, left = PLOT.left } = options
  const id = `p${options.title.replaceAll(/[^A-Za-z0-9]/g, '')}`
  const foot = height - bottom
  const x = options.x.map(
    ({ at, label }) =>
      `<line class="grid" x1="${px(at)}" y1="${top}" x2="${px(at)}" y2="${foot}"/><text x="${px(at)}" y="${foot + 16}" text-anchor="${at > width - right - 20 ? 'end' : 'middle'}">${escapeHtml(label)}</text>`,
  )
  const y = options.y.map(
    ({ at, label }) =>
      `<line class="grid" x1="${left}" y1="${px(at)}" x2="${width - right}" y2="${px(at)}"/><text x="${left - 8}" y="${px(at + 4)}" text-anchor="end">${escapeHtml(label)}</text>`,
  )
  return [
    `<div class="plot"><svg viewBox="0 0 ${width} ${height}" role="img" aria-labelledby="${id}t ${id}d">`,
    `<title id="${id}t">${escapeHtml(options.title)}</title><desc id="${id}d">${escapeHtml(options.desc)}</desc>`,
    ...x,
    ...y,
    options.body,
    `<text x="${(left + width - right) / 2}" y="${height - 6}" text-anchor="middle">${escapeHtml(options.xLabel)}</text>`,
    '</svg></div>',
  ].join('\n')
}

/** A pixel without needless digits. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10)
}

const MINUTES = [
  [0, '0'],
  [1, '1 min'],
  [10, '10 min'],
  [60, '1 h'],
  [360, '6 h'],
  [1_440, '1 d'],
  [10_080, '7 d'],
  [43_200, '30 d'],
  [129_600, '90 d'],
  [525_600, '1 y'],
  [2_628_000, '5 y'],
] as const

/** A logarithmic scale of time since termination, from 0 to at least `maxMinutes`. */
export function timeScale(maxMinutes: number, left: number = PLOT.left): { x(minutes: number): number; ticks: Tick[] } {
  const top = MINUTES.find(([minutes]) => minutes >= Math.max(maxMinutes, 60))?.[0] ?? maxMinutes
  const span = PLOT.width - PLOT.right - left
  const x = (minutes: number) => left + (Math.log10(Math.max(0, minutes) + 1) / Math.log10(top + 1)) * span
  return { x, ticks: MINUTES.filter(([minutes]) => minutes <= top).map(([minutes, label]) => ({ at: x(minutes), label })) }
}
