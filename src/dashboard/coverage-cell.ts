import type { CoverageDay } from '../api/schemas/evidence.ts'

/**
 * How a day of a system looks in the calendar. `whole`: all that was asked was judged, and nothing that was due was left out. `part`: some
 * was. `doubt`: it was tried and nothing was judged. `blind`: something was due, and nothing was tried. `none`: nothing was due.
 */
export type CellLook = 'none' | 'whole' | 'part' | 'doubt' | 'blind'

export function cellLook(day: Pick<CoverageDay, 'accepted' | 'rejected' | 'inconclusive' | 'blindMs'> | undefined): CellLook {
  if (day === undefined) return 'none'
  const judged = day.accepted + day.rejected
  if (judged + day.inconclusive === 0) return day.blindMs > 0 ? 'blind' : 'none'
  if (judged === 0) return 'doubt'
  return day.inconclusive > 0 || day.blindMs > 0 ? 'part' : 'whole'
}
