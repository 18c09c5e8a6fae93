import { rename, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { newId } from '../../domain/id.ts'
import type { RowFault } from '../report.ts'
import type { ClaimedFile } from './claim.ts'

/** What became of a dropped file; it lies beside it. It names lines and columns and quotes nothing of what stands there. */
export interface DropReport {
  file: string
  source: string
  at: string
  taken: boolean
  rows: number
  /** By outcome, of what was taken. */
  outcomes: Record<string, number>
  /** People who are missing from a list of everybody. */
  missing: number
  faults: RowFault[]
  faultTotal: number
}

/** Moves a file away, under a name that tells when, with its report beside it. @param at for the name */
export async function putAway(claim: ClaimedFile, folder: string, report: DropReport, at: Temporal.Instant): Promise<void> {
  const stamp = at.toString({ smallestUnit: 'second' }).replaceAll(/[-:]/g, '')
  // Two files of one name in one second are two files.
  const name = join(folder, `${stamp}-${newId().slice(-8)}-${claim.name}`)
  const draft = join(folder, `.${newId()}.tmp`)
  await writeFile(draft, `${JSON.stringify(report, null, 2)}\n`, { mode: 0o600, flag: 'wx' })
  // The report first: a file without one would be a file of which nobody knows what became.
  await rename(draft, `${name}.report.json`)
  await rename(claim.path, name)
}
