import { compilePointer } from '../domain/pointer.ts'

type Branch = Record<string, unknown>

/**
 * What copies the members that some pointers find, and nothing else, so that the same pointers find the same in the copy: a roster of
 * thousands is kept for a turn. A null above what is looked for is copied: it says that there is nothing.
 */
export function compilePick(pointers: readonly string[]): (item: unknown) => unknown {
  // The shorter first: what lies below a member that is copied whole is in it already.
  const wanted = [...new Set(pointers)].toSorted((a, b) => a.length - b.length)
  const outer = wanted.filter((pointer) => !wanted.some((other) => other !== pointer && pointer.startsWith(`${other}/`)))
  if (outer.includes('')) return (item) => item
  const picks = outer.map((pointer) => ({
    find: compilePointer(pointer),
    above: pointer.split('/').flatMap((_, at, raw) => (at < 2 ? [] : [compilePointer(raw.slice(0, at).join('/'))])),
    tokens: pointer
      .split('/')
      .slice(1)
      .map((token) => token.replaceAll('~1', '/').replaceAll('~0', '~')),
  }))
  return (item) => {
    const copy: Branch = Object.create(null)
    for (const { find, tokens, above } of picks) {
      const found = find(item)
      if (found !== undefined) put(copy, tokens, found)
      else {
        const at = above.findIndex((each) => each(item) === null)
        if (at >= 0) put(copy, tokens.slice(0, at + 1), null)
      }
    }
    return copy
  }
}

function put(copy: Branch, tokens: readonly string[], value: unknown): void {
  let at = copy
  for (const token of tokens.slice(0, -1)) {
    const branch: unknown = at[token]
    const next: Branch = isBranch(branch) ? branch : Object.create(null)
    at[token] = next
    at = next
  }
  at[tokens.at(-1) ?? ''] = value
}

function isBranch(value: unknown): value is Branch {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
