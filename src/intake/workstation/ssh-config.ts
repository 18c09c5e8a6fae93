import { asTold } from '../found/as-told.ts'
import { UNREADABLE_PLACE } from '../found/candidate.ts'
import { isHost } from '../found/place.ts'
import { isLike } from './ssh-pattern.ts'

/** A host of `.ssh/config` with the account and the keys that it is reached by. */
export interface SshHost {
  host: string
  port: number
  user: string | undefined
  /** The keys that a client tries, by the names of their files in the folder of the configuration: why that is unclear, where it is. */
  keys: ReadonlyMap<string, string | undefined>
  /** Where a condition that is not looked at, or a file that is not read, may say otherwise, or a word cannot be read: what is said of that. */
  unclear: string | undefined
}

/** A file of a configuration, by its path below the folder that was given. */
export interface SshText {
  file: string
  text: string
}

/** What one name after `Include` stands for, in the client's order: a file's text, or why nobody knows what it says. */
export type ReadIncluded = (name: string) => Promise<readonly (SshText | { why: string })[]>

const SSH_PORT = 22
/** Looks of a host at a pattern: a configuration that was made to be slow is not read. */
const MAX_LOOKS = 1_000_000
/** What a client tries where its configuration names no key (`ssh_config(5)`, IdentityFile). */
const DEFAULT_KEYS = ['id_rsa', 'id_ecdsa', 'id_ed25519', 'id_dsa']
/** Files within files; at more the client ends with an error (`READCONF_MAX_DEPTH`). */
const MAX_DEPTH = 16
/** Names after `Include`, those of files that are read more than once counted again. */
const MAX_NAMES = 250

/** Under which a setting counts: every list of patterns speaks of the host, one within the other. */
interface Scope {
  lists: readonly (readonly string[])[]
  /** False below a condition that only a client can look at. */
  isSure: boolean
}

/** What a block says, or a part of it. */
interface Block extends Scope {
  /** Hosts that the block names one by one. */
  names: ReadonlySet<string>
  /** Stands for a file that is included and not read: it may say anything. What is said of that. */
  unread?: string
  settings: Map<string, string[]>
}

interface Reader {
  included: ReadIncluded
  names: number
}

/**
 * The hosts that a client's configuration names one by one (`ssh_config(5)`), each with what the client takes for it: of every
 * setting the first that a fitting block has, from the top, and the keys of all of them. What `Match` asks is never looked at or run, and of what `Include` names only
 * what `included` answers is read: where such a block or a file that was not read could count, the host is unclear. Throws for what cannot
 * be read, or has more hosts and patterns than anybody writes.
 */
export async function readSshConfig(config: SshText, included: ReadIncluded): Promise<SshHost[]> {
  const lines = await linesOf(config.text)
  if (lines === undefined) throw new RangeError('no configuration')
  const blocks = await blocksOf(config, lines, { lists: [], isSure: true }, 0, { included, names: 0 })
  return hostsOf(blocks)
}

/** A line with a setting, as the package reads it. */
interface Line {
  param: string
  words: readonly string[]
  /** From 1. */
  at: number
}

/** The lines that say something, in their order; undefined where the package and the client would read them differently. */
async function linesOf(text: string): Promise<Line[] | undefined> {
  const { parse } = await import('ssh-config')
  // Alone it ends a line for the package, and not for the client.
  if (/\r(?!\n)/.test(text)) return undefined
  const lines: Line[] = []
  let at = 1
  try {
    for (const node of parse(text).flatMap((each) => ('config' in each ? [each, ...each.config] : [each]))) {
      at += breaksOf(node.before)
      if ('param' in node) {
        // The package takes a word alone on its line and the next line for one: the client takes neither.
        if (/\s/.test(node.param) || breaksOf(node.separator) > 0) return undefined
        const words = typeof node.value === 'string' ? [node.value] : node.value.map(({ val }) => val)
        lines.push({ param: node.param.toLowerCase(), words, at })
      }
      at += breaksOf(node.after)
    }
  } catch {
    return undefined
  }
  return lines
}

function breaksOf(text: string): number {
  return text.split('\n').length - 1
}

async function blocksOf(
  { file, text }: SshText,
  lines: readonly Line[],
  outer: Scope,
  depth: number,
  reader: Reader,
): Promise<Block[]> {
  if (depth > MAX_DEPTH) throw new RangeError('too many files within files')
  const raw = text.split('\n')
  let block = blockIn(outer)
  const blocks = [block]
  for (const { param, words, at } of lines) {
    if (param === 'host' || param === 'match') {
      block = param === 'host' ? hostBlock(outer, words) : matchBlock(outer, words)
      blocks.push(block)
    } else if (param === 'include') {
      for (const piece of await piecesOf(raw[at - 1] ?? '', reader)) {
        const inner = 'why' in piece ? undefined : await linesOf(piece.text)
        if ('why' in piece || inner === undefined) {
          const why = 'why' in piece ? piece.why : 'names a file that cannot be read as a configuration'
          blocks.push({ ...blockIn(block), unread: unreadAt(file, at, why) })
        } else blocks.push(...(await blocksOf(piece, inner, block, depth + 1, reader)))
      }
      block = blockIn(block)
      blocks.push(block)
    } else {
      const known = block.settings.get(param)
      if (known === undefined) block.settings.set(param, [words.join(' ')])
      else known.push(words.join(' '))
    }
  }
  return blocks.filter(({ names, unread, settings }) => names.size > 0 || unread !== undefined || settings.size > 0)
}

function blockIn({ lists, isSure }: Scope): Block {
  return { lists, isSure, names: new Set(), settings: new Map() }
}

function hostBlock(outer: Scope, patterns: readonly string[]): Block {
  const names = new Set(patterns.filter(isOne))
  return { lists: [...outer.lists, patterns], isSure: outer.isSure, names, settings: new Map() }
}

function matchBlock(outer: Scope, words: readonly string[]): Block {
  const isAll = words.length === 1 && /^all$/i.test(words[0] ?? '')
  return blockIn({ lists: outer.lists, isSure: outer.isSure && isAll })
}

function isOne(pattern: string): boolean {
  return !/[*?!]/.test(pattern)
}

/** What a line with `Include` brings, in the client's order. */
async function piecesOf(raw: string, reader: Reader): Promise<(SshText | { why: string })[]> {
  const names = namesOf(raw)
  if (names === undefined) return [{ why: 'cannot be read with certainty' }]
  const pieces: (SshText | { why: string })[] = []
  for (const name of names) {
    if (++reader.names > MAX_NAMES) throw new RangeError('too many files are included')
    pieces.push(...(await reader.included(name)))
  }
  return pieces
}

/**
 * The names after `Include`, from the line itself: of number signs and backslashes the package and the releases of the client make different
 * things, and of `%` and `$` only later ones make anything. Undefined where that could matter.
 */
function namesOf(raw: string): string[] | undefined {
  const rest = /^[ \t]*include(?:[ \t]*=[ \t]*|[ \t]+)(.*)$/i.exec(raw.replace(/\r$/, ''))?.[1]?.replace(/[ \t]#.*$/, '')
  if (rest === undefined || !/^(?:[ \t]*(?:"[^"'\\#%$]+"|[^\s"'\\#%$]+)(?![^ \t]))+[ \t]*$/.test(rest)) return undefined
  return [...rest.matchAll(/"([^"]+)"|[^ \t]+/g)].map(([word, quoted]) => quoted ?? word)
}

function unreadAt(file: string, line: number, why: string): string {
  return `may depend on the Include at ${asTold(file)}:${line}, which ${why}: import it by hand, as the system knows it`
}

function hostsOf(blocks: readonly Block[]): SshHost[] {
  // By their places: the order counts.
  const byName = new Map<string, number[]>()
  const general: number[] = []
  for (const { names } of blocks) for (const name of names) byName.set(name, [])
  let looks = 0
  for (const [at, { lists }] of blocks.entries()) {
    const only = lists.find((patterns) => patterns.every(isOne))
    const own = only === undefined ? undefined : new Set(only)
    looks += (own?.size ?? byName.size) * lists.reduce((sum, { length }) => sum + length, 1)
    if (own === undefined) general.push(at)
    else for (const name of own) byName.get(name)?.push(at)
  }
  if (looks > MAX_LOOKS) throw new RangeError('too many hosts and patterns')
  return [...byName].flatMap(([name, own]) => {
    const places = [...own, ...general].toSorted((a, b) => a - b)
    const fitting = places.flatMap((at) => blocks[at] ?? []).filter(({ lists }) => lists.every((each) => fits(name, each)))
    return hostOf(name, fitting)
  })
}

/** Nothing for a name that stands only where nothing speaks of it: below another host's block, for one. */
function hostOf(name: string, blocks: readonly Block[]): SshHost[] {
  const naming = blocks.filter(({ names }) => names.has(name))
  if (naming.length === 0) return []
  let unclear = naming.some(({ isSure }) => isSure) ? undefined : UNREADABLE_PLACE
  const lookUp = (key: string) => {
    const at = blocks.findIndex(({ settings }) => settings.has(key))
    const block = blocks[at]
    const before = at === -1 ? blocks : blocks.slice(0, at)
    unclear ??= before.find(({ unread }) => unread !== undefined)?.unread
    if (block?.isSure === false) unclear ??= UNREADABLE_PLACE
    return block?.settings.get(key)
  }
  const host = (lookUp('hostname')?.[0] ?? name).replaceAll('%h', name)
  const port = lookUp('port')?.[0] ?? String(SSH_PORT)
  const user = lookUp('user')?.[0]
  if (!isHost(host) || !/^\d{1,5}$/.test(port)) unclear ??= UNREADABLE_PLACE
  return [{ host, port: Number(port), user, keys: keysOf(blocks), unclear }]
}

/** The keys that blocks name add up; the usual ones are tried where none is named at all. */
function keysOf(blocks: readonly Block[]): Map<string, string | undefined> {
  const naming = blocks.filter(({ settings }) => settings.has('identityfile'))
  const keys = new Map<string, string | undefined>()
  for (const { isSure, settings } of naming)
    for (const name of (settings.get('identityfile') ?? []).flatMap(besideConfig))
      if (isSure || !keys.has(name)) keys.set(name, isSure ? undefined : UNREADABLE_PLACE)
  if (naming.some(({ isSure }) => isSure)) return keys
  const unread = blocks.find((each) => each.unread !== undefined)?.unread
  const unclear = unread ?? (naming.length > 0 ? UNREADABLE_PLACE : undefined)
  for (const name of DEFAULT_KEYS) if (!keys.has(name)) keys.set(name, unclear)
  return keys
}

/** The name of a key in the folder `.ssh`, where the configuration lies; a file elsewhere may have the same name. */
function besideConfig(path: string): string[] {
  const parts = path.split(/[\\/]/)
  const folder = parts.at(-2)
  return folder === undefined || folder === '.ssh' ? [parts.at(-1) ?? ''] : []
}

/** Whether a block of `Host` speaks of a name: one pattern fits, and none that is negated does. */
function fits(name: string, patterns: readonly string[]): boolean {
  const isFor = (pattern: string) => isLike(name, pattern)
  if (patterns.some((pattern) => pattern.startsWith('!') && isFor(pattern.slice(1)))) return false
  return patterns.some((pattern) => !pattern.startsWith('!') && isFor(pattern))
}
