import { isWithin, parseDn } from './dn.ts'
import type { DirectoryOptions } from './options.ts'

/** Below which entries is searched: the bases, and where leavers are moved to, but for what lies below another of them. */
export function rootsOf({ bases, leavers }: Pick<DirectoryOptions, 'bases' | 'leavers'>): string[] {
  const places = [...bases, ...leavers].flatMap((text) => {
    const dn = parseDn(text)
    return dn === undefined ? [] : [{ text, dn }]
  })
  return places.flatMap(({ text, dn }, n) => {
    const covered = places.some((other, m) => m !== n && isWithin(dn, other.dn) && (other.dn.length < dn.length || m < n))
    return covered ? [] : [text]
  })
}
