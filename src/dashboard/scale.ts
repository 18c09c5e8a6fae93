/** Where plots put what they show. Pure: pixels from figures. */

export const PLOT = { width: 640, height: 240, left: 44, right: 12, top: 10, bottom: 34 } as const

/** A place on an axis. */
export interface Tick {
  at: number
  label: string
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

/** A logarithmic scale of minutes since the termination, from 0 to at least `most`. */
export function timeScale(most: number, left: number, right: number): { x(minutes: number): number; ticks: Tick[] } {
  const top = MINUTES.find(([minutes]) => minutes >= Math.max(most, 60))?.[0] ?? most
  const x = (minutes: number) => left + (Math.log10(Math.max(0, minutes) + 1) / Math.log10(top + 1)) * (right - left)
  return { x, ticks: MINUTES.filter(([minutes]) => minutes <= top).map(([minutes, label]) => ({ at: x(minutes), label })) }
}

export interface Step {
  minutes: number
  share: number
  low: number
  high: number
}

/** The path of a step function that begins at 1. */
export function stepPath(
  steps: readonly Step[],
  value: (step: Step) => number,
  x: (minutes: number) => number,
  y: (share: number) => number,
): string {
  let [path, before] = [`M${px(x(0))} ${px(y(1))}`, 1]
  for (const step of steps) {
    path += `L${px(x(step.minutes))} ${px(y(before))}L${px(x(step.minutes))} ${px(y(value(step)))}`
    before = value(step)
  }
  return path
}

/** The area between the lower and the upper end of the interval. */
export function bandPath(steps: readonly Step[], x: (minutes: number) => number, y: (share: number) => number): string {
  const back = steps
    .toReversed()
    .map((step, at, all) => `L${px(x(step.minutes))} ${px(y(step.low))}L${px(x(step.minutes))} ${px(y(all[at + 1]?.low ?? 1))}`)
    .join('')
  return `${stepPath(steps, ({ high }) => high, x, y)}${back}Z`
}

/** A pixel without needless digits. */
export function px(value: number): string {
  return String(Math.round(value * 10) / 10)
}

/** Every day from the first to the last, both `2026-11-22`, UTC. */
export function daysBetween(from: string, to: string): string[] {
  const days: string[] = []
  const last = Date.parse(to)
  for (let at = Date.parse(from); at <= last; at += 86_400_000) days.push(new Date(at).toISOString().slice(0, 10))
  return days
}
