import { RevenantError } from '../../domain/error.ts'
import type { ImportOptions } from '../deps.ts'
import { aside, type Found } from '../found/candidate.ts'
import type { FoundReport } from '../found/found-report.ts'
import { type FoundDeps, type FoundWords, importFound } from '../found/import-found.ts'
import { isGitleaks, readGitleaks } from './gitleaks.ts'
import { isKingfisher, kingfisherFindings, readKingfisher } from './kingfisher.ts'
import { type ReportFile, type ReportSource, readReportFile } from './report-file.ts'
import { isTrufflehog, readTrufflehog } from './trufflehog.ts'

/**
 * Imports the findings of TruffleHog, gitleaks or Kingfisher (`docs/sources.md`), told by their shape. Throws `INPUT_INVALID` for a
 * file that is no report, `NOT_FOUND` for an identity that the operator names and that is not known, before anything is written.
 */
export async function importReport(
  source: ReportSource,
  words: FoundWords,
  deps: FoundDeps,
  options: ImportOptions,
): Promise<FoundReport> {
  const file = await readReportFile(source)
  return importFound(findingsOf(file), { action: 'report.import', name: file.name }, words, deps, options)
}

/** Every finding of a report. Throws `INPUT_INVALID` where it holds something else altogether. Pure. */
export function findingsOf({ name, entries: given }: ReportFile): Found[] {
  const entries = unwrapped(given)
  const isKnown = entries.length === 0 || entries.some(({ value }) => readerOf(value) !== undefined || isMap(value))
  if (!isKnown) {
    throw new RevenantError(
      'INPUT_INVALID',
      `${name} holds no finding of TruffleHog, gitleaks or Kingfisher: give their JSON, not a summary or SARIF`,
    )
  }
  return entries.flatMap(({ entry, value }) => {
    const read = readerOf(value)
    if (read !== undefined) return read(value, { entry })
    if (isMap(value)) return []
    return [aside({ entry, file: '', detector: '' }, 'unreadable', 'is no finding of TruffleHog, gitleaks or Kingfisher')]
  })
}

function unwrapped(entries: ReportFile['entries']): ReportFile['entries'] {
  const [first, ...more] = entries
  if (first === undefined || more.length > 0 || typeof first.value !== 'object' || first.value === null) return entries
  const findings = kingfisherFindings(first.value)
  return findings === undefined ? entries : findings.map((value, index) => ({ entry: index + 1, value }))
}

function readerOf(value: unknown): ((value: unknown, spot: { entry: number }) => Found[]) | undefined {
  if (typeof value !== 'object' || value === null) return undefined
  if (isTrufflehog(value)) return readTrufflehog
  if (isGitleaks(value)) return readGitleaks
  return isKingfisher(value) ? readKingfisher : undefined
}

/** The last line of Kingfisher's JSON Lines tells what its findings reach. */
function isMap(value: unknown): boolean {
  return typeof value === 'object' && value !== null && kingfisherFindings(value)?.length === 0
}
