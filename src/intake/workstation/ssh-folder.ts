import { openBox } from '../../custody/box.ts'
import { type Found, isAside, setAside, UNREADABLE_PLACE } from '../found/candidate.ts'
import { isHost, placeOf } from '../found/place.ts'
import { foundIn, notOne, type Stored, type StoredSecret } from './stored.ts'

/** A host of `.ssh/config` with the account and the keys that it is reached by. */
export interface SshHost {
  host: string
  port: number
  user: string | undefined
  /** The names of the key files in the folder of the configuration. */
  keys: readonly string[]
  /** No file of a key is named, so that a client tries the usual ones. */
  isUsual: boolean
  /** False where a condition that is not looked at may say otherwise, or a word of it cannot be read. */
  clear: boolean
}

const SSH_PORT = 22
/** Pairs of a host and a pattern that are looked at: a configuration that was made to be slow is not. */
const MAX_PAIRS = 1_000_000

/** What a block says; `isSure` is false for a condition that only a client can look at. */
interface Block {
  patterns: readonly string[]
  isSure: boolean
  /** Stands for a file that is included and not read: it may say anything. */
  isUnread?: true
  settings: ReadonlyMap<string, readonly string[]>
}

/**
 * The hosts that a client's configuration names one by one (`ssh_config(5)`), each with what the client takes for it: of every
 * setting the first that a fitting block has, from the top. What `Match` asks is never looked at or run, and what `Include` names never
 * read: where such a block or file could count, the host is not clear. Throws for what cannot be read, or has more hosts and patterns than
 * anybody writes.
 */
export async function readSshConfig(text: string): Promise<SshHost[]> {
  const { parse } = await import('ssh-config')
  const blocks: Block[] = []
  const lines = parse(text).filter((line) => 'param' in line)
  blocks.push(
    ...blocksOf(
      lines.filter((line) => !isSection(line)),
      ['*'],
      true,
    ),
  )
  for (const line of lines) {
    if (!isSection(line) || !('config' in line)) continue
    const isHost = /^host$/i.test(line.param)
    const isSure = isHost || /^all$/i.test(wordsOf(line.value).join(' '))
    const inner = line.config.filter((each) => 'param' in each)
    blocks.push(...blocksOf(inner, isHost ? wordsOf(line.value) : ['*'], isSure))
  }
  const isOne = (pattern: string) => !/[*?!]/.test(pattern)
  // By their places: the order counts.
  const byName = new Map<string, number[]>()
  const general: number[] = []
  for (const [at, { patterns }] of blocks.entries()) {
    if (!patterns.every(isOne)) general.push(at)
    for (const name of new Set(patterns.filter(isOne))) {
      const known = byName.get(name)
      if (known === undefined) byName.set(name, [at])
      else known.push(at)
    }
  }
  const wild = general.reduce((sum, at) => sum + (blocks[at]?.patterns.length ?? 0), 0)
  if (byName.size * wild > MAX_PAIRS) throw new RangeError('too many hosts and patterns')
  return [...byName].map(([name, own]) => {
    const places = [...new Set([...own, ...general])].toSorted((a, b) => a - b)
    return hostOf(
      name,
      places.flatMap((at) => blocks[at] ?? []).filter(({ patterns }) => fits(name, patterns)),
    )
  })
}

/** A line with a setting, as the package reads it. */
interface Setting {
  param: string
  value: Parameters<typeof wordsOf>[0]
}

function isSection({ param }: Setting): boolean {
  return /^(?:host|match)$/i.test(param)
}

/** The settings that stand together, parted where a file is included among them. */
function blocksOf(lines: readonly Setting[], patterns: readonly string[], isSure: boolean): Block[] {
  let settings = new Map<string, string[]>()
  const blocks: Block[] = [{ patterns, isSure, settings }]
  for (const { param, value } of lines) {
    // The package takes a word alone on its line and the next line for one: the client takes neither.
    if (/\s/.test(param)) throw new RangeError('a word without its value')
    if (!/^include$/i.test(param)) {
      put(settings, param, value)
      continue
    }
    settings = new Map()
    // One after the other say no more than one.
    if (blocks.at(-1)?.settings.size === 0 && blocks.at(-2)?.isUnread === true) blocks.pop()
    else blocks.push({ patterns, isSure: false, isUnread: true, settings: new Map() })
    blocks.push({ patterns, isSure, settings })
  }
  return blocks
}

function put(settings: Map<string, string[]>, param: string, value: Parameters<typeof wordsOf>[0]): void {
  const known = settings.get(param.toLowerCase())
  const text = wordsOf(value).join(' ')
  if (known === undefined) settings.set(param.toLowerCase(), [text])
  else known.push(text)
}

function hostOf(name: string, blocks: readonly Block[]): SshHost {
  let clear = true
  const lookUp = (key: string) => {
    const at = blocks.findIndex(({ settings }) => settings.has(key))
    const block = blocks[at]
    const before = at === -1 ? blocks : blocks.slice(0, at)
    if (block?.isSure === false || before.some(({ isUnread }) => isUnread === true)) clear = false
    return block?.settings.get(key)
  }
  const host = (lookUp('hostname')?.[0] ?? name).replaceAll('%h', name)
  const port = lookUp('port')?.[0] ?? String(SSH_PORT)
  const user = lookUp('user')?.[0]
  const files = lookUp('identityfile') ?? []
  if (!isHost(host) || !/^\d{1,5}$/.test(port)) clear = false
  return { host, port: Number(port), user, keys: files.flatMap(besideConfig), isUsual: files.length === 0, clear }
}

/** The name of a key in the folder `.ssh`, where the configuration lies; a file elsewhere may have the same name. */
function besideConfig(path: string): string[] {
  const parts = path.split(/[\\/]/)
  const folder = parts.at(-2)
  return folder === undefined || folder === '.ssh' ? [parts.at(-1) ?? ''] : []
}

/** Whether a block of `Host` speaks of a name: one pattern fits, and none that is negated does. */
function fits(name: string, patterns: readonly string[]): boolean {
  const isLike = (pattern: string) => isAsPattern(name, pattern)
  if (patterns.some((pattern) => pattern.startsWith('!') && isLike(pattern.slice(1)))) return false
  return patterns.some((pattern) => !pattern.startsWith('!') && isLike(pattern))
}

/** `*` and `?`, without going back further than to the last `*`: what an expression would do with many of them takes for ever. */
function isAsPattern(name: string, pattern: string): boolean {
  let [at, on, star, mark] = [0, 0, -1, 0]
  while (at < name.length) {
    if (on < pattern.length && pattern[on] === '*') [star, mark] = [on++, at]
    else if (on < pattern.length && (pattern[on] === '?' || pattern[on] === name[at])) [at, on] = [at + 1, on + 1]
    else if (star === -1) return false
    else [on, at] = [star + 1, ++mark]
  }
  while (pattern[on] === '*') on++
  return on === pattern.length
}

function wordsOf(value: string | { val: string }[]): string[] {
  return typeof value === 'string' ? [value] : value.map(({ val }) => val)
}

const PRIVATE = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/

/** A private key in a file of its own; nothing for public keys and whatever else lies in `.ssh`. */
export function readSshKey(text: string): Stored[] {
  if (!PRIVATE.test(text)) return []
  if ([...text.matchAll(/-----BEGIN /g)].length > 1) return [notOne('a file of one private key')]
  return [{ kinds: ['ssh'], parts: { privateKey: text } }]
}

const UNREAD = 'lies beside a config that cannot be read, which may say where it belongs: import it by hand'

/** What a client tries where its configuration names no key (`ssh_config(5)`, IdentityFile). */
const DEFAULT_KEYS: ReadonlySet<string> = new Set(['id_rsa', 'id_ecdsa', 'id_ed25519', 'id_dsa'])

/**
 * A key for each host that the configuration beside it names the key for, with the host's account; as it is where none does: then
 * `--map` and `--account` say it. Beside a configuration that is there and was not read, it is not certain that nothing does.
 */
export function atHosts(store: string, found: Found, hosts: readonly SshHost[] | 'unread'): Found[] {
  const name = found.file.split('/').at(-1) ?? ''
  if (isAside(found)) return [found]
  if (hosts === 'unread') return [setAside(found, 'unclear', UNREAD)]
  const own = hosts.filter(({ keys, isUsual }) => (isUsual ? DEFAULT_KEYS.has(name) : keys.includes(name)))
  if (own.length === 0) return [found]
  const { privateKey = '' } = openBox(found.held)
  return own.map(({ host, port, user, clear }) => {
    if (!clear) return foundIn(store, found.file, { reason: 'unclear', why: UNREADABLE_PLACE })
    const parts: StoredSecret['parts'] = user === undefined ? { privateKey } : { username: user, privateKey }
    return foundIn(store, found.file, { kinds: ['ssh'], parts, place: { ...placeOf(host), port } })
  })
}
