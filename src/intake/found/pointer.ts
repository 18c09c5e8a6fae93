import { isMalformedReference } from '../../custody/malformed-reference.ts'
import { parseReference } from '../../domain/reference.ts'
import { ADDRESS, BARE_VARIABLES, FORMS, type Pointer, pathIn, STAND_IN, WITH_MORE } from './pointer-forms.ts'
import { isStandIn } from './stand-in.ts'

/** Those of one dollar sign are variables to shells, and to no store. `__token__` is the name of a user. */
const WORD = /^(?:%{1,2}\w+%{1,2}|@@?\w+@@?|__\w+__|\$[A-Za-z_]\w*)$/

/**
 * What a text is that stands for a secret and is none: the name of a place where one is kept, a variable, a ciphertext, a word between
 * angle brackets. Sent as it stands it would be refused, and look like a door that is closed. `elsewhere` only where that is certain.
 *
 * @param isName the field names somebody, or an address: `$oauthtoken` is a user of registries
 */
export function pointerIn(text: string, isName = false): Pointer | undefined {
  const bare = text.trim()
  const form = FORMS.find(([pattern]) => pattern.test(bare))?.[1]
  if (form !== undefined) return form
  if (parseReference(bare) !== undefined || isMalformedReference(bare)) return ADDRESS
  if (isStandIn(bare)) return STAND_IN
  if (isName) return isVariable(bare) && !bare.startsWith('$') ? STAND_IN : undefined
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(bare)) return ADDRESS
  return pathIn(bare) ?? (WORD.test(bare) ? STAND_IN : isVariable(bare) ? WITH_MORE : undefined)
}

/** `$NAME`, `${NAME}`, `{{ name }}` and nothing beside it: the secret comes from elsewhere when the file is used. */
export function isBareVariable(text: string): boolean {
  return /^\$[A-Za-z_]\w*$/.test(text) || BARE_VARIABLES.some((pattern) => pattern.test(text))
}

/** A text with `${NAME}`, `{{ name }}` or `<% name %>` in it, whatever else it holds, or `$NAME`. */
export function isVariable(text: string): boolean {
  const spans = (open: number, close: string) => open !== -1 && text.includes(close, open + 2)
  return (
    /^\$(?:\{[^}]*\}|[A-Za-z_]\w*)$/.test(text) ||
    // One expression for all would try every opening with every end.
    spans(text.search(/\$\{\w/), '}') ||
    spans(text.indexOf('{{'), '}}') ||
    spans(text.indexOf('<%'), '%>')
  )
}
