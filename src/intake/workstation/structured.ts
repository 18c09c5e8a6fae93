import { parseDocument, visit } from 'yaml'

/** JSON's own messages quote the text. Undefined for what is none. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The spellings of nothing (YAML 1.2.2 §10.2.1.1), without quotes. */
const NULL = /^(?:~|null|Null|NULL)$/

/**
 * YAML with every scalar as the text that stands there (the failsafe schema): a token of digits is no number. A null is an empty text,
 * and what has a tag of some program's own (`!vault`) keeps that before it, since the program reads something else. Its own messages
 * quote the text. Undefined for what is none.
 */
export function parseYaml(text: string): unknown {
  try {
    const document = parseDocument(text, { schema: 'failsafe', logLevel: 'silent' })
    if (document.errors.length > 0) return undefined
    visit(document, {
      Scalar: (key, node) => {
        if (key === 'key' || typeof node.value !== 'string') return
        if (node.tag?.startsWith('!') === true) node.value = `${node.tag} ${node.value}`
        else if (node.type === 'PLAIN' && NULL.test(node.value)) node.value = ''
      },
    })
    return document.toJS({ maxAliasCount: 20 })
  } catch {
    return undefined
  }
}
