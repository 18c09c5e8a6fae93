import { signal } from '@preact/signals'
import { type Filters, hrefOf, type Place, parsePlace, type View } from './place.ts'

/** Where the reader is; undefined: the address names nothing here. */
export const place = signal<Place | undefined>(parsePlace(location.hash))

addEventListener('hashchange', () => {
  place.value = parsePlace(location.hash)
})

/** Goes there as a link does: `back` returns. */
export function go(view: View, id?: string, filters?: Record<string, string | undefined>): void {
  location.hash = hrefOf(view, id, filters)
}

/** Puts another address in the place of this one: `back` skips it. */
export function replacePlace(view: View, id?: string, filters?: Record<string, string | undefined>): void {
  history.replaceState(null, '', hrefOf(view, id, filters))
  place.value = parsePlace(location.hash)
}

/** Changes filters of the place where the reader is; an empty value takes one away. */
export function setFilters(changes: Record<string, string | undefined>): void {
  const here = place.value
  if (here !== undefined) replacePlace(here.view, here.id, { ...here.filters, ...changes })
}

/** The filters of the place where the reader is. */
export function filters(): Filters {
  return place.value?.filters ?? {}
}
