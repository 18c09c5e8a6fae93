import { type Document, isAlias, isMap, isScalar, isSeq, LineCounter, type Node, type Pair, parseDocument, visit } from 'yaml'
import { toError } from '../domain/error.ts'
import type { Fault, Path } from './fault.ts'
import { inOrder, spellPath } from './fault.ts'

/** A YAML file as plain values that remember where they stand. */
export interface ConfigDocument {
  value: unknown
  /**
   * What is wrong with the YAML itself, in the order of its lines; the value is then not to be used. Of faults that make what follows
   * unreadable the first is the last one here.
   */
  faults: Fault[]
  /** Makes a fault of a message about the value at a path, or about the key itself. */
  fault(path: Path, message: string, at?: 'value' | 'key'): Fault
}

// Enough for any shared block of settings; a file that multiplies aliases to exhaust memory goes far past it.
const MAX_ALIASES = 1_000

/** Reads YAML 1.2 (core schema): no custom tags, unique keys, one document. */
export function readDocument(text: string): ConfigDocument {
  const lines = new LineCounter()
  // Pretty errors quote the line, which may hold a secret.
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    strict: true,
    uniqueKeys: true,
    version: '1.2',
  })
  const place = (offset: number) => {
    const { line, col } = lines.linePos(offset)
    return { line, column: col }
  }
  const fault = (path: Path, message: string, at: 'value' | 'key' = 'value'): Fault => {
    return { ...place(offsetOf(document, path, at)), path: spellPath(path), message }
  }
  // An unresolved tag is only a warning of the parser, and would pass the value through as a string.
  const found = [...document.errors, ...document.warnings].toSorted((a, b) => a.pos[0] - b.pos[0])
  const first = found.findIndex(({ code }) => !STANDS_ALONE.has(code))
  const end = found[first]?.pos[0] ?? Number.POSITIVE_INFINITY
  const faults = found.slice(0, first === -1 ? undefined : first + 1).map((error): Fault => {
    return { ...place(error.pos[0]), path: '', message: YAML_FAULTS[error.code] ?? `is not valid YAML (${error.code})` }
  })
  visit(document, {
    // The parser lets both pass: the first raises an error without a place later, the second makes a value without end.
    Alias: (_key, node, ancestors) => {
      const target = node.resolve(document)
      const message =
        target === undefined ? YAML_FAULTS.BAD_ALIAS : ancestors.includes(target) ? 'an alias includes itself' : undefined
      const at = node.range?.[0] ?? 0
      if (message !== undefined && at < end) faults.push({ ...place(at), path: '', message })
    },
  })
  if (faults.length > 0) return { value: undefined, faults: inOrder(faults), fault }
  try {
    return { value: document.toJS({ maxAliasCount: MAX_ALIASES }) ?? {}, faults, fault }
  } catch (error) {
    // The library raises a ReferenceError for too many aliases.
    return {
      value: undefined,
      faults: [fault([], `is not usable YAML (${toError(error).name}): it has too many aliases`)],
      fault,
    }
  }
}

/** Codes of faults that do not change how the rest is read. After any other one the parser guesses, and finds faults that are none. */
const STANDS_ALONE: ReadonlySet<string> = new Set(['DUPLICATE_KEY', 'TAG_RESOLVE_FAILED'])

/** Codes of the parser's errors in our words: its own messages may quote the text. */
const YAML_FAULTS: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'an alias (*name) needs an anchor (&name) before it; quote a value that begins with *',
  BAD_INDENT: 'is indented wrongly: give the keys of one block the same indentation',
  BAD_SCALAR_START: 'begins with a character that YAML reserves: quote the value',
  BLOCK_AS_IMPLICIT_KEY:
    'has a second `key:` on one line, or is a block below a value that is whole already, such as []: keep one of them',
  BLOCK_IN_FLOW: 'has a block inside braces or brackets: use one style',
  DUPLICATE_KEY: 'names this key twice: keep one',
  IMPOSSIBLE: 'is not valid YAML: check what stands before',
  KEY_OVER_1024_CHARS: 'has a key that is too long: is a quote missing?',
  MISSING_CHAR:
    'misses a character, most often a closing quote, brace, bracket or a `:`; or is indented otherwise than the lines above',
  MULTILINE_IMPLICIT_KEY: 'has a key over several lines: is a `:` or a quote missing?',
  MULTIPLE_DOCS: 'holds a second document: remove the `---`',
  TAB_AS_INDENT: 'is indented by a tab: use spaces',
  TAG_RESOLVE_FAILED: 'has a tag (!name) that means nothing here: remove it, or quote a value that begins with !',
  UNEXPECTED_TOKEN: 'has something that cannot stand here: check the line before, or quote the value',
}

function offsetOf(document: Document, path: Path, at: 'value' | 'key'): number {
  let node: Node | null = document.contents
  let offset = node?.range?.[0] ?? 0
  for (const [index, step] of path.entries()) {
    const pair = pairAt(document, node, step)
    if (pair === undefined) return offset
    const key = keyOffset(pair.key) ?? offset
    node = pair.value
    offset = at === 'key' && index === path.length - 1 ? key : (node?.range?.[0] ?? key)
  }
  return offset
}

function pairAt(
  document: Document,
  parent: Node | null,
  step: string | number,
): { key: unknown; value: Node | null } | undefined {
  const node = isAlias(parent) ? (parent.resolve(document) ?? null) : parent
  if (isSeq(node)) {
    const item = node.items[Number(step)]
    return item === undefined ? undefined : { key: item, value: asNode(item) }
  }
  if (!isMap(node)) return undefined
  const pair: Pair | undefined = node.items.find(
    (candidate) => isScalar(candidate.key) && String(candidate.key.value) === String(step),
  )
  return pair === undefined ? undefined : { key: pair.key, value: asNode(pair.value) }
}

function asNode(value: unknown): Node | null {
  return isScalar(value) || isMap(value) || isSeq(value) || isAlias(value) ? value : null
}

function keyOffset(key: unknown): number | undefined {
  return asNode(key)?.range?.[0]
}
