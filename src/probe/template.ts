import { z } from 'zod'

/** What a template may refer to, by section: `{secret.token}`, `{target.site}`, `{derived.region}`. */
export const SECTIONS = ['secret', 'target', 'derived'] as const
export type Section = (typeof SECTIONS)[number]
export type ScopeOf<Name extends string> = Readonly<Record<Name, Readonly<Record<string, string | undefined>>>>
export type Scope = ScopeOf<Section>

export interface ReferenceTo<Name extends string> {
  section: Name
  name: string
}
export type Reference = ReferenceTo<Section>

/** A compiled template: what it refers to, and its text for a scope; undefined where a reference has no value. */
export interface TemplateOf<Name extends string> {
  readonly references: readonly ReferenceTo<Name>[]
  render(scope: ScopeOf<Name>, quote?: (value: string) => string): string | undefined
}
export type Template = TemplateOf<Section>

/** Templates over some sections: their schema, and what compiles one that passed it. */
export interface Templates<Name extends string> {
  schema: z.ZodString
  compile(text: string): TemplateOf<Name>
}

/** Literal text with references; a brace that begins no reference is a fault, never text. `{{` and `}}` write braces. */
export function templatesOver<const Name extends string>(sections: readonly Name[], examples: string): Templates<Name> {
  const reference = new RegExp(`\\{(${sections.join('|')})\\.([a-zA-Z][a-zA-Z0-9]{0,63})\\}`, 'g')
  const sectionOf = (text: string | undefined): Name => {
    const section = sections.find((candidate) => candidate === text)
    if (section === undefined) throw new TypeError('a reference without a section: the template did not pass its schema')
    return section
  }
  const partsOf = (text: string): (string | ReferenceTo<Name>)[] => {
    const parts: (string | ReferenceTo<Name>)[] = []
    let from = 0
    for (const found of text.matchAll(reference)) {
      parts.push(literal(text.slice(from, found.index)), { section: sectionOf(found[1]), name: found[2] ?? '' })
      from = found.index + found[0].length
    }
    parts.push(literal(text.slice(from)))
    return parts.filter((part) => part !== '')
  }
  return {
    schema: z
      .string()
      .min(1)
      .max(2_048)
      .refine(
        (text) => !/[{}]/.test(text.replaceAll('{{', '').replaceAll('}}', '').replace(reference, '')),
        `a brace begins a reference such as ${examples}; "{{" writes a brace`,
      ),
    compile: (text) => compiled(partsOf(text)),
  }
}

const TEMPLATES = templatesOver(SECTIONS, '{secret.token}, {target.site} or {derived.name}')

export const templateSchema = TEMPLATES.schema

/** Compiles a template that passed the schema. */
export function compileTemplate(text: string): Template {
  return TEMPLATES.compile(text)
}

function compiled<Name extends string>(parts: readonly (string | ReferenceTo<Name>)[]): TemplateOf<Name> {
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

function literal(text: string): string {
  return text.replaceAll('{{', '{').replaceAll('}}', '}')
}
