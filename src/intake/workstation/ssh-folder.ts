import { openBox } from '../../custody/box.ts'
import { type Found, isAside, setAside } from '../found/candidate.ts'
import { placeOf } from '../found/place.ts'
import type { SshHost } from './ssh-config.ts'
import { foundIn, notOne, type Stored, type StoredSecret } from './stored.ts'

const PRIVATE = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/

/** A private key in a file of its own; nothing for public keys and whatever else lies in `.ssh`. */
export function readSshKey(text: string): Stored[] {
  if (!PRIVATE.test(text)) return []
  if ([...text.matchAll(/-----BEGIN /g)].length > 1) return [notOne('a file of one private key')]
  return [{ kinds: ['ssh'], parts: { privateKey: text } }]
}

const UNREAD = 'lies beside a config that cannot be read, which may say where it belongs: import it by hand'

/**
 * A key for each host that the configuration beside it names the key for, with the host's account; as it is where none does: then
 * `--map` and `--account` say it. Beside a configuration that is there and was not read, it is not certain that nothing does.
 */
export function atHosts(store: string, found: Found, hosts: readonly SshHost[] | 'unread'): Found[] {
  const name = found.file.split('/').at(-1) ?? ''
  if (isAside(found)) return [found]
  if (hosts === 'unread') return [setAside(found, 'unclear', UNREAD)]
  const own = hosts.filter(({ keys }) => keys.has(name))
  if (own.length === 0) return [found]
  const { privateKey = '' } = openBox(found.held)
  return own.map(({ host, port, user, keys, unclear }) => {
    const why = unclear ?? keys.get(name)
    if (why !== undefined) return foundIn(store, found.file, { reason: 'unclear', why })
    const parts: StoredSecret['parts'] = user === undefined ? { privateKey } : { username: user, privateKey }
    return foundIn(store, found.file, { kinds: ['ssh'], parts, place: { ...placeOf(host), port } })
  })
}
