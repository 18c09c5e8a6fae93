/** A part of the screen that can be shown in full, in part, or as one line. */
export interface Section {
  /** Who gets lines first: 0 before 1. */
  rank: number
  title: string
  lines: readonly string[]
  /** So many lines are enough until everybody else has theirs. */
  modest?: number
  /** The same with more words, where there are lines to spare. */
  wordy?: readonly string[]
  /** All of it in one line. */
  short: string
  /** The last lines matter, not the first. */
  tail?: boolean
}

/**
 * Puts sections below each other into so many rows, in their order; `rows` left out: in full. First each gets one line, then by rank
 * as many as it wants, then blank lines between them, then more words.
 *
 * @param more the line that stands for those left out
 */
export function layOut(sections: readonly Section[], rows: number | undefined, more: (count: number) => string): string[] {
  if (rows === undefined) return sections.flatMap(({ title, lines, wordy }) => ['', title, ...(wordy ?? lines)])
  const { given, left } = share(sections, rows)
  const kept = sections.filter((section) => given.has(section))
  const gaps = Math.min(left, kept.length)
  const wordy = kept.find((section) => section.wordy !== undefined && extraWords(section) <= left - gaps)
  return kept.flatMap((section, index) => {
    const lines = section === wordy ? [section.title, ...(section.wordy ?? [])] : part(section, given.get(section) ?? 0, more)
    return index < gaps ? ['', ...lines] : lines
  })
}

/** How many lines below its title each section gets, and how many are left. */
function share(sections: readonly Section[], rows: number): { given: Map<Section, number>; left: number } {
  const byRank = sections.toSorted((a, b) => a.rank - b.rank).slice(0, Math.max(0, rows))
  const given = new Map(byRank.map((section) => [section, 0]))
  let left = Math.max(0, rows - byRank.length)
  const give = (section: Section, wanted: number) => {
    const has = given.get(section) ?? 0
    const more = Math.min(left, wanted - has)
    // A title with nothing but "3 more" below it says less than the short form.
    if (has + more < Math.min(2, section.lines.length)) return
    given.set(section, has + more)
    left -= more
  }
  for (const section of byRank) give(section, Math.min(section.lines.length, section.modest ?? Number.POSITIVE_INFINITY))
  for (const section of byRank) give(section, section.lines.length)
  return { given, left }
}

function extraWords({ lines, wordy }: Section): number {
  return (wordy?.length ?? 0) - lines.length
}

function part({ title, lines, short, tail }: Section, room: number, more: (count: number) => string): string[] {
  if (room === 0 && lines.length > 0) return [short]
  if (room >= lines.length) return [title, ...lines]
  if (tail === true) return [title, ...lines.slice(lines.length - room)]
  return [title, ...lines.slice(0, room - 1), more(lines.length - room + 1)]
}
