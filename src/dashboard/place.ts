/** The views of the page, as its addresses name them: `#/findings/ID?severity=high`. */
export const VIEWS = [
  'overview',
  'findings',
  'exemptions',
  'identities',
  'credentials',
  'waiting',
  'systems',
  'evidence',
  'audit',
  'setup',
  'access',
  'sign-in',
] as const
export type View = (typeof VIEWS)[number]

export type Filters = Readonly<Record<string, string>>

/** Where somebody is: a view, one thing of it, its filters. All of it stands in the address, so that it can be sent to somebody else. */
export interface Place {
  view: View
  /** Of the one thing that is looked at; absent: the view's list. */
  id?: string
  filters: Filters
}

export const HOME: Place = { view: 'overview', filters: {} }

/** What the address's fragment means; undefined for one that names nothing here. */
export function parsePlace(hash: string): Place | undefined {
  const [path = '', query = ''] = hash.replace(/^#/, '').split(/\?(.*)/s)
  const [, name = '', id, ...rest] = path.split('/')
  if (name === '' && id === undefined) return HOME
  const view = VIEWS.find((each) => each === name)
  if (view === undefined || rest.length > 0) return undefined
  const filters: Filters = Object.fromEntries(new URLSearchParams(query))
  const one = id === undefined || id === '' ? undefined : decoded(id)
  return { view, filters, ...(one === undefined ? {} : { id: one }) }
}

/** The address of a place: `#/findings?state=open`. Empty filters are left out. */
export function hrefOf(view: View, id?: string, filters: Readonly<Record<string, string | undefined>> = {}): string {
  const set = Object.entries(filters).flatMap(([name, value]) => (value === undefined || value === '' ? [] : [[name, value]]))
  const query = new URLSearchParams(set).toString()
  return `#/${view}${id === undefined ? '' : `/${encodeURIComponent(id)}`}${query === '' ? '' : `?${query}`}`
}

/** Whether somebody who has to sign in first would miss it. */
export function isWorthKeeping(here: Place | undefined): boolean {
  if (here === undefined || here.view === 'sign-in') return false
  return here.view !== HOME.view || here.id !== undefined || Object.keys(here.filters).length > 0
}

/**
 * Where whoever has just signed in goes.
 *
 * @param here where he is
 * @param kept the fragment of the place that he came for
 * @returns undefined: he stays
 */
export function returnPlace(here: Place | undefined, kept: string | undefined): Place | undefined {
  if (here === undefined || isWorthKeeping(here)) return undefined
  const wanted = kept === undefined ? undefined : parsePlace(kept)
  if (wanted !== undefined && isWorthKeeping(wanted)) return wanted
  return here.view === 'sign-in' ? HOME : undefined
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
