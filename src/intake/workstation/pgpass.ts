import { type Place, placeOf } from '../found/place.ts'
import { notOne, type Stored } from './stored.ts'

const POSTGRES_PORT = 5432

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
    return [{ kinds: ['postgres'], parts: { username, password }, place: placeAt(host, port), line }]
  })
}

/** A host of `*` and a socket's folder name no place. */
function placeAt(host: string, port: string): Place | undefined {
  if (host === '*' || host === '' || host.startsWith('/')) return undefined
  if (port === '*') return placeOf(host)
  return { ...placeOf(host), port: /^\d{1,5}$/.test(port) ? Number(port) : POSTGRES_PORT }
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
