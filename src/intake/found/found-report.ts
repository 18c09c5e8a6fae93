import { newReport } from '../report.ts'
import type { Aside, AsideReason } from './candidate.ts'

/** What an import of things found did, or with `dryRun` would do. No text of it is a secret. */
export interface FoundReport {
  /** Everything that the source holds, what was set aside included. */
  found: number
  /** Of a workstation: the stores that were read. */
  files?: number
  /** Credentials: new ones, changed ones, and those that were known. */
  created: number
  updated: number
  unchanged: number
  /** Credentials that are retired, and stay so. */
  skipped: number
  /** Findings of a secret that another finding had brought already. */
  joined: number
  /** The first things that were not imported; `asideTotal` counts them all, `reasons` why. */
  aside: Aside[]
  asideTotal: number
  reasons: Partial<Record<AsideReason, number>>
  /** What the scanner says: noted, never believed. */
  claims: { works: number; fails: number }
  /** Mappings that spoke of nothing that was found. */
  unusedMaps: string[]
  /** Credentials that fell due now. */
  dueNow: number
  stopped: boolean
}

/** Things that are kept in memory and told one by one. */
const KEPT_ASIDE = 1000

export function newFoundReport(): FoundReport {
  const { created, updated, unchanged, skipped, dueNow, stopped } = newReport()
  return {
    found: 0,
    created,
    updated,
    unchanged,
    skipped,
    joined: 0,
    aside: [],
    asideTotal: 0,
    reasons: {},
    claims: { works: 0, fails: 0 },
    unusedMaps: [],
    dueNow,
    stopped,
  }
}

export function addAside(report: FoundReport, aside: Aside): void {
  report.asideTotal++
  report.reasons[aside.reason] = (report.reasons[aside.reason] ?? 0) + 1
  if (report.aside.length < KEPT_ASIDE) report.aside.push(aside)
}

/** Things without a secret in them that say so: nothing is missing from the import because of them. */
const HARMLESS: ReadonlySet<AsideReason> = new Set(['elsewhere', 'no_secret'])

/** Whether something was found that should have been imported and was not. */
export function isIncomplete({ reasons }: FoundReport): boolean {
  return Object.entries(reasons).some(([reason, count]) => count > 0 && ![...HARMLESS].some((each) => each === reason))
}
