import { place, replacePlace } from './navigate.ts'
import { isWorthKeeping, returnPlace } from './place.ts'

/** Of the address that somebody came for before he had to sign in. The tab's own: it lasts through the provider's pages, and no longer. */
const KEY = 'revenant.place'

/** Keeps where the reader is, unless that is where everybody begins. */
export function keepPlace(): void {
  try {
    if (isWorthKeeping(place.peek())) sessionStorage.setItem(KEY, location.hash)
  } catch {
    // Then he ends where everybody begins.
  }
}

/** Goes where whoever has just signed in wanted to be. */
export function comeBack(): void {
  const to = returnPlace(place.peek(), takenPlace())
  if (to !== undefined) replacePlace(to.view, to.id, to.filters)
}

function takenPlace(): string | undefined {
  try {
    const kept = sessionStorage.getItem(KEY) ?? undefined
    sessionStorage.removeItem(KEY)
    return kept
  } catch {
    return undefined
  }
}
