import { parse } from 'yaml'

/** JSON's own messages quote the text. Undefined for what is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/**
 * YAML with every scalar as the text that stands there (the failsafe schema): a token of digits is no number, and nothing is null.
 * Its own messages quote the text. Undefined for what is none.
 */
export function parseYaml(text: string): unknown {
  try {
    return parse(text, { schema: 'failsafe', logLevel: 'silent', maxAliasCount: 20 })
  } catch {
    return undefined
  }
}
