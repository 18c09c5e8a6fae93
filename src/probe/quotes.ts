import type { Judgement } from '../domain/answer.ts'
import { isNameField } from '../domain/reference.ts'

/** As long a run of characters as a name and a secret do not share by chance. */
const RUN = 12
/** A shorter secret is only looked for whole, and one shorter than this not at all: it is part of too many words. */
const SHORTEST = 4

/** A protocol's own word (`bearer`, `invalid_token`, `28P01`): most answers hold nothing else, and this is asked for each of them. */
const CODE = /^(?:[a-z]{1,12}(?:[_-][a-z]{1,12}){0,3}|[0-9A-Z]{1,6})$/

/**
 * Drops from an answer what quotes the secret that was sent. A system may name whoever signed in, or spell an error code, by what
 * it was given: as it stands, in part, or in base64, hexadecimal or percent-encoding. What a system says must not bring a secret into
 * the database, and from there into alerts and evidence.
 */
export function withoutQuotes<Answer extends Judgement>(answer: Answer, secret: unknown): Answer {
  const { principal, wire } = answer
  const suspects = Object.entries(wire).filter(([, fact]) => typeof fact === 'string' && !CODE.test(fact))
  if (principal === undefined && suspects.length === 0) return answer
  const fields = fieldsOf(secret)
  const forms = fields.filter(([field]) => !isNameField(field)).flatMap(([, value]) => formsOf(value))
  const names = new Set(fields.filter(([field]) => isNameField(field)).map(([, value]) => value.toLowerCase()))
  const quoting = (text: string) => !names.has(text.toLowerCase()) && quotes(text, forms)
  const dropped = suspects.filter(([, fact]) => quoting(String(fact))).map(([name]) => name)
  const unnamed = principal !== undefined && quoting(principal)
  if (!unnamed && dropped.length === 0) return answer
  const cleaned = { ...answer, wire: Object.fromEntries(Object.entries(wire).filter(([name]) => !dropped.includes(name))) }
  if (unnamed) delete cleaned.principal
  return cleaned
}

/** What tells whether a text quotes one of the fields of a secret, names apart. */
export function quotesOf(secret: unknown): (text: string) => boolean {
  const forms = fieldsOf(secret)
    .filter(([field]) => !isNameField(field))
    .flatMap(([, value]) => formsOf(value))
  return (text) => quotes(text, forms)
}

function fieldsOf(secret: unknown): [field: string, value: string][] {
  if (typeof secret !== 'object' || secret === null) return []
  return Object.entries(secret).filter((entry): entry is [string, string] => typeof entry[1] === 'string')
}

/** A secret as it stands, in hexadecimal, and in base64 at each of the three places where it may begin in a longer text. */
function formsOf(value: string): string[] {
  const bytes = Buffer.from(value)
  const base64 = [0, 1, 2].map((shift) =>
    Buffer.concat([Buffer.alloc(shift), bytes])
      .toString('base64')
      .slice(shift === 0 ? 0 : 4),
  )
  return [value, bytes.toString('hex'), ...base64]
}

function quotes(text: string, forms: readonly string[]): boolean {
  const spellings = new Set([text, text.toLowerCase(), text.replaceAll('-', '+').replaceAll('_', '/'), decoded(text)])
  for (const spelling of spellings) if (forms.some((form) => shares(spelling, form))) return true
  return false
}

function shares(text: string, form: string): boolean {
  if (form.length < RUN) return form.length >= SHORTEST && text.includes(form)
  for (let at = 0; at + RUN <= text.length; at++) if (form.includes(text.slice(at, at + RUN))) return true
  return false
}

function decoded(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}
