import type { StatementList, StatementRowPage } from '../api/schemas/evidence.ts'
import type { Filters } from './place.ts'

export type StatementName = StatementList['statements'][number]['name']
export type StatementRow = StatementRowPage['items'][number]

/** What the statements are called where there is little room, in the order in which they are offered. */
export const STATEMENT_LABELS: Record<StatementName, string> = {
  leavers: 'Leavers',
  revocation: 'Time to revoke',
  unverified: 'Not proven',
  gaps: 'Gaps',
  exemptions: 'Exemptions',
  operators: 'Operators',
  'open-items': 'Open findings',
}

export function isStatementName(name: string): name is StatementName {
  return Object.hasOwn(STATEMENT_LABELS, name)
}

const DAY_MS = 86_400_000
const USUAL_DAYS = 30

/** The days of a period as the address has them, in UTC: the last 30 where it has none. @param now milliseconds */
export function daysIn({ from, to }: Filters, now: number): { from: string; to: string } {
  const last = isDay(to) ? to : dayOf(now)
  return { from: isDay(from) ? from : dayOf(Date.parse(last) - (USUAL_DAYS - 1) * DAY_MS), to: last }
}

/** The period that the API is asked for: from the first day's beginning until the last day's end, or until now where that is sooner. */
export function periodOf(days: { from: string; to: string }, now: number): { from: string; to: string } {
  const from = Date.parse(days.from)
  const to = Math.min(Date.parse(days.to) + DAY_MS, Math.max(now, from + 1))
  return { from: new Date(from).toISOString(), to: new Date(to).toISOString() }
}

function isDay(text: string | undefined): text is string {
  return text !== undefined && /^[0-9]{4}-[0-9]{2}-[0-9]{2}$/.test(text) && !Number.isNaN(Date.parse(text))
}

function dayOf(ms: number): string {
  return new Date(ms).toISOString().slice(0, 10)
}

/** A cell that holds words; undefined where it holds none. */
export function textAt(row: StatementRow, column: string): string | undefined {
  const value = row[column]
  return typeof value === 'string' && value !== '' ? value : undefined
}

/** A cell that holds a number; undefined where it holds none. */
export function numberAt(row: StatementRow, column: string): number | undefined {
  const value = row[column]
  return typeof value === 'number' ? value : undefined
}

/** The paths of one leaver, counted by how they stand. */
export interface PathCounts {
  paths: number
  closed: number
  inTime: number
  open: number
  notProven: number
  retired: number
}

/** @param rows of the statement `leavers` about one identity */
export function countPaths(rows: readonly StatementRow[]): PathCounts {
  const paths = rows.filter((row) => textAt(row, 'system') !== undefined)
  const of = (...states: string[]) => paths.filter((row) => states.includes(textAt(row, 'state') ?? '')).length
  return {
    paths: paths.length,
    closed: of('closed'),
    inTime: paths.filter(({ state, in_time }) => state === 'closed' && in_time === true).length,
    open: of('open'),
    notProven: of('refused', 'not_tried', 'unverified', 'expired'),
    retired: of('retired'),
  }
}
