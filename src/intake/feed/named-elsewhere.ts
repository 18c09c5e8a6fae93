import type { Said } from './said.ts'

/** Under which name somebody stands in a reading, and under which key; undefined: under none. */
export interface Bearer {
  key: string | undefined
  externalId: string
}

/**
 * What is said of those who are missing under their keys. Whose external id, in whatever letters, the same reading has under another key
 * or under none may be missing because the key has changed (an entry that was made anew, a name in other letters): a person is asked.
 */
export function askWhereNamed(missing: readonly Said[], bearers: Iterable<Bearer>): Said[] {
  const named = Map.groupBy(bearers, ({ externalId }) => externalId.toLowerCase())
  return missing.map((said) => {
    const others = named.get(said.externalId.toLowerCase()) ?? []
    return others.some(({ key }) => key !== said.key) ? { ...said, namedElsewhere: true } : said
  })
}
