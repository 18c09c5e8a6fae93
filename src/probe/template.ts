import { z } from 'zod'

/** What a template may refer to, by section: `{secret.token}`, `{target.site}`, `{derived.region}`. */
export const SECTIONS = ['secret', 'target', 'derived'] as const
export type Section = (typeof SECTIONS)[number]
export type Scope = Readonly<Record<Section, Readonly<Record<string, string | undefined>>>>

export interface Reference {
  section: Section
  name: string
}

/** A compiled template: what it refers to, and its text for a scope; undefined where a reference has no value. */
export interface Template {
  readonly references: readonly Reference[]
  render(scope: Scope, quote?: (value: string) => string): string | undefined
}

const REFERENCE = /\{(secret|target|derived)\.([a-zA-Z][a-zA-Z0-9]{0,63})\}/g

/** Literal text with references; a brace that begins no reference is a fault, never text. `{{` and `}}` write braces. */
export const templateSchema = z
  .string()
  .min(1)
  .max(2_048)
  .refine(
    (text) => !/[{}]/.test(text.replaceAll('{{', '').replaceAll('}}', '').replace(REFERENCE, '')),
    'a brace begins a reference such as {secret.token}, {target.site} or {derived.name}; "{{" writes a brace',
  )

/** Compiles a template that passed the schema. */
export function compileTemplate(text: string): Template {
  const parts = partsOf(text)
  const references = parts.filter((part) => typeof part === 'object')
  return {
    references,
    render: (scope, quote) => {
      let out = ''
      for (const part of parts) {
        if (typeof part === 'string') {
          out += part
          continue
        }
        const value = scope[part.section][part.name]
        if (value === undefined) return undefined
        out += quote === undefined ? value : quote(value)
      }
      return out
    },
  }
}

function partsOf(text: string): (string | Reference)[] {
  const parts: (string | Reference)[] = []
  let from = 0
  for (const found of text.matchAll(REFERENCE)) {
    parts.push(literal(text.slice(from, found.index)), { section: sectionOf(found[1]), name: found[2] ?? '' })
    from = found.index + found[0].length
  }
  parts.push(literal(text.slice(from)))
  return parts.filter((part) => part !== '')
}

function literal(text: string): string {
  return text.replaceAll('{{', '{').replaceAll('}}', '}')
}

function sectionOf(text: string | undefined): Section {
  const section = SECTIONS.find((candidate) => candidate === text)
  if (section === undefined) throw new TypeError('a reference without a section: the template did not pass its schema')
  return section
}
