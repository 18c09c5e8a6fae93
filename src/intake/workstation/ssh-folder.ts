import { openBox } from '../../custody/box.ts'
import { type Found, isAside } from '../found/candidate.ts'
import { placeOf } from '../found/place.ts'
import { foundIn, notOne, type Stored, type StoredSecret } from './stored.ts'

/** A host of `.ssh/config` with the account and the keys that it is reached by. */
export interface SshHost {
  host: string
  port: number
  user: string | undefined
  /** The names of the key files, without their folders. */
  keys: readonly string[]
}

const SSH_PORT = 22

/**
 * The hosts that a client's configuration names one by one (`ssh_config(5)`). Patterns and `Match` name none; `Host *` gives its
 * user and its keys to the others. The file is only parsed: what `Match exec` says is never run.
 */
export async function readSshConfig(text: string): Promise<SshHost[]> {
  const { parse } = await import('ssh-config')
  const blocks: { patterns: string[]; settings: Map<string, string[]> }[] = []
  for (const line of parse(text)) {
    if (!('param' in line) || line.param.toLowerCase() !== 'host' || !('config' in line)) continue
    const settings = new Map<string, string[]>()
    for (const inner of line.config) {
      if (!('param' in inner)) continue
      const key = inner.param.toLowerCase()
      settings.set(key, [...(settings.get(key) ?? []), wordsOf(inner.value).join(' ')])
    }
    blocks.push({ patterns: wordsOf(line.value), settings })
  }
  const general = blocks.filter(({ patterns }) => patterns.length === 1 && patterns[0] === '*')
  const lookUp = (key: string, own: Map<string, string[]>) =>
    own.get(key) ?? general.find(({ settings }) => settings.has(key))?.settings.get(key)
  return blocks.flatMap(({ patterns, settings }) =>
    patterns.flatMap((name) => {
      if (/[*?!]/.test(name)) return []
      const host = (settings.get('hostname')?.[0] ?? name).replaceAll('%h', name)
      const port = Number(lookUp('port', settings)?.[0] ?? SSH_PORT)
      const keys = (lookUp('identityfile', settings) ?? []).map((path) => path.split(/[\\/]/).at(-1) ?? '')
      return [{ host, port: Number.isInteger(port) ? port : SSH_PORT, user: lookUp('user', settings)?.[0], keys }]
    }),
  )
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

/** What a client tries where its configuration names no key (`ssh_config(5)`, IdentityFile). */
const DEFAULT_KEYS: ReadonlySet<string> = new Set(['id_rsa', 'id_ecdsa', 'id_ed25519', 'id_dsa'])

/**
 * A key for each host that the configuration beside it names the key for, with the host's account; as it is where none does: then
 * `--map` and `--account` say it.
 */
export function atHosts(store: string, found: Found, hosts: readonly SshHost[]): Found[] {
  const name = found.file.split('/').at(-1) ?? ''
  if (isAside(found)) return [found]
  const own = hosts.filter(({ keys }) => (keys.length === 0 ? DEFAULT_KEYS.has(name) : keys.includes(name)))
  if (own.length === 0) return [found]
  const { privateKey = '' } = openBox(found.held)
  return own.map(({ host, port, user }) => {
    const parts: StoredSecret['parts'] = user === undefined ? { privateKey } : { username: user, privateKey }
    return foundIn(store, found.file, { kinds: ['ssh'], parts, place: { ...placeOf(host), port } })
  })
}
