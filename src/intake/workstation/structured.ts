import { parseDocument, Scalar, visit, type YAMLMap, type YAMLSeq } from 'yaml'

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
 * YAML with every scalar as the text that stands there (the failsafe schema): a token of digits is no number. A null is an empty text.
 * What has a tag that makes something else of it, a program's own (`!vault`, `!<tag:example.com,2026:x>`) or one of YAML (`!!binary`), is a
 * text that begins with that tag, `!<TAG> `: `pointerIn` knows it for none. Its own messages quote the text. Undefined for what is none.
 */
export function parseYaml(text: string): unknown {
  try {
    const document = parseDocument(text, { schema: 'failsafe', logLevel: 'silent' })
    if (document.errors.length > 0) return undefined
    visit(document, {
      Scalar: (key, node) => {
        if (key === 'key') return undefined
        if (isTagged(node)) return taggedText(node)
        if (node.tag === undefined && node.type === 'PLAIN' && NULL.test(String(node.value))) node.value = ''
        return undefined
      },
      Collection: (key, node) => (key === 'key' || !isTagged(node) ? undefined : taggedText(node)),
    })
    return document.toJS({ maxAliasCount: 20 })
  } catch {
    return undefined
  }
}

/** `!` alone says that it is what it looks like (YAML 1.2.2 §6.8.1): a text, whatever it is spelt like. */
function isTagged({ tag }: Scalar | YAMLMap | YAMLSeq): boolean {
  return tag !== undefined && !/^(?:!|tag:yaml\.org,2002:(?:str|map|seq))$/.test(tag)
}

/** In place of the node itself, which may be a list; aliases find it by its anchor. */
function taggedText(node: Scalar | YAMLMap | YAMLSeq): Scalar {
  const text = new Scalar(`!<${encodeURI(node.tag ?? '')}> ${node instanceof Scalar ? (node.source ?? '') : ''}`)
  if (node.anchor !== undefined) text.anchor = node.anchor
  return text
}
