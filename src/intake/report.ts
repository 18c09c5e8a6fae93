import type { ErrorCode } from '../domain/error.ts'

/** What is wrong with one row. It names a column and never quotes what stood there: that may be a secret. */
export interface RowFault {
  /** The line that the row begins on, from 1. */
  line: number
  field?: string
  /** Where the fault has a code of its own: `ORIGIN_CHANGED`, `SECRET_INVALID`, `SECRET_EMPTY`. */
  code?: ErrorCode
  message: string
}

/** What an import did, or with `dryRun` would do. */
export interface ImportReport {
  /** Rows, the bad ones included. */
  read: number
  created: number
  updated: number
  unchanged: number
  /** Credentials that are retired, and stay so. */
  skipped: number
  /** Terminations that were taken back. Findings of theirs are left as they are. */
  reinstated: number
  /** The first bad rows, in the order of their lines; `badTotal` counts them all. */
  bad: RowFault[]
  badTotal: number
  /**
   * The first rows that were taken and say something that may be wrong, in the order of their lines, and how many there are; left out: this
   * kind of file has none.
   */
  warnings?: RowFault[]
  warningTotal?: number
  /** Credentials that fell due now. */
  dueNow: number
  /** The signal cut it short; what was read until then is kept. */
  stopped: boolean
}

/** Bad rows that are kept in memory and told one by one. */
const KEPT_FAULTS = 1000

export function newReport(): ImportReport {
  return {
    read: 0,
    created: 0,
    updated: 0,
    unchanged: 0,
    skipped: 0,
    reinstated: 0,
    bad: [],
    badTotal: 0,
    dueNow: 0,
    stopped: false,
  }
}

/** Adds faults, of which only the first are kept. */
export function addFaults(report: ImportReport, faults: readonly RowFault[]): void {
  report.badTotal += faults.length
  if (report.bad.length >= KEPT_FAULTS || faults.length === 0) return
  report.bad.push(...faults.slice(0, KEPT_FAULTS - report.bad.length))
  report.bad.sort((a, b) => a.line - b.line)
}

/** Adds warnings, of which only the first are kept; none leave the report as it is. */
export function addWarnings(report: ImportReport, warnings: readonly RowFault[]): void {
  if (warnings.length === 0) return
  report.warnings = warnings.slice(0, KEPT_FAULTS)
  report.warningTotal = warnings.length
}
