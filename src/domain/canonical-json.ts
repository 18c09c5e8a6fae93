/** What JSON can say. */
export type Json = string | number | boolean | null | readonly Json[] | JsonObject
export interface JsonObject {
  readonly [name: string]: Json
}

/**
 * RFC 8785: keys sorted by UTF-16 code units, numbers and strings as ECMAScript prints them. Values whose keys come in order already,
 * as the hot path's do, are printed as they are.
 */
export function canonicalJson(value: Json): string {
  return isOrdered(value) ? JSON.stringify(value) : ordered(value)
}

function ordered(value: Json): string {
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isList(value)) return `[${value.map(ordered).join(',')}]`
  // Put together by hand: an object would put keys that look like numbers first.
  const members = Object.keys(value)
    .toSorted()
    .flatMap((key) => {
      const member = value[key]
      return member === undefined ? [] : [`${JSON.stringify(key)}:${ordered(member)}`]
    })
  return `{${members.join(',')}}`
}

function isOrdered(value: Json): boolean {
  if (typeof value !== 'object' || value === null) return true
  if (isList(value)) return value.every(isOrdered)
  let before = ''
  for (const key in value) {
    if (before > key) return false
    before = key
    const member = value[key]
    if (typeof member === 'object' && member !== null && !isOrdered(member)) return false
  }
  return true
}

/** Array.isArray does not narrow readonly arrays. */
function isList(value: readonly Json[] | JsonObject): value is readonly Json[] {
  return Array.isArray(value)
}
