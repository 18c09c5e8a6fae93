import { UNREADABLE_PLACE } from '../found/candidate.ts'
import { isHost, type Place, placeOf } from '../found/place.ts'
import { notOne, type Stored } from './stored.ts'

/**
 * `.pgpass` (libpq-pgpass): `host:port:database:user:password`, `*` for any, `\:` and `\\` for themselves. The package `pgpass` looks
 * one connection up and does not list.
 */
export function readPgpass(text: string): Stored[] {
  return text.split(/\r?\n/).flatMap((content, index): Stored[] => {
    if (content.trim() === '' || content.startsWith('#')) return []
    const line = index + 1
    const [host = '', port = '', , username = '', password] = fieldsOf(content)
    if (password === undefined) return [{ ...notOne('a line of .pgpass: host:port:database:user:password'), line }]
    if (username === '*') return [{ reason: 'not_replayable', why: 'is a password of any user: import it by hand', line }]
    if (isPlace(host) && (!isHost(host) || !/^(?:\*|\d{1,5})$/.test(port)))
      return [{ reason: 'unclear', why: UNREADABLE_PLACE, line }]
    return [{ kinds: ['postgres'], parts: { username, password }, place: placeAt(host, port), line }]
  })
}

/** A host of `*` and a socket's folder name no place. */
function isPlace(host: string): boolean {
  return host !== '*' && host !== '' && !host.startsWith('/')
}

function placeAt(host: string, port: string): Place | undefined {
  if (!isPlace(host)) return undefined
  return port === '*' ? placeOf(host) : { ...placeOf(host), port: Number(port) }
}

/** libpq reads a backslash at the end as itself, and what follows a colon after the password not at all. */
function fieldsOf(content: string): string[] {
  const fields = ['']
  for (let at = 0; at < content.length; at++) {
    const isEscape = content[at] === '\\' && at + 1 < content.length
    if (isEscape) at++
    if (content[at] === ':' && !isEscape) fields.push('')
    else fields.push((fields.pop() ?? '') + (content[at] ?? ''))
  }
  return fields
}
