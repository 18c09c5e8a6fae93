import type { SecretValue } from '../../custody/box.ts'
import { readLogin, readPostgresUrl } from '../found/address.ts'
import { UNREADABLE_PLACE } from '../found/candidate.ts'
import { HOMES } from '../found/choose-system.ts'
import { type Place, placeOfUrl } from '../found/place.ts'
import { isBareVariable, isVariable, pointerIn } from '../found/pointer.ts'
import { WITH_MORE } from '../found/pointer-forms.ts'
import { shapeOf } from '../found/shape.ts'
import { type Beside, openBeside } from './env-beside.ts'
import { type EnvLine, envLines } from './env-lines.ts'
import { type EnvMeaning, MEANINGS, ownPlaces, plainName } from './env-meaning.ts'
import { type Stored, VARIABLE } from './stored.ts'

/** Part of a secret that stands under another name. */
const COMPANION = /^(DD_|DATADOG_)APP(?:LICATION)?_?KEY$/
const SECRET_NAME =
  /(?:TOKEN|SECRET|SECRET_KEY|PASSWORD|PASSWD|PASSPHRASE|API_?KEY|APIKEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?|WEBHOOK(?:_URL)?)$/i
const NO_SECRET = /^(?:true|false|yes|no|on|off|none|null|\d{1,4})?$/i
const UNREADABLE: Stored = { reason: 'unclear', why: UNREADABLE_PLACE }

/**
 * The secrets of a `.env` file: addresses with a password, tokens that can be told by their prefix, variables that services read, and
 * whatever else is called a secret, which only `--map env:NAME=SYSTEM` gives a place. What belongs to a secret has a name that begins
 * as its own does.
 */
export async function readEnvFile(text: string): Promise<Stored[]> {
  const lines = await envLines(text)
  const beside = openBeside(lines)
  return lines.flatMap((each): Stored[] => {
    const stored = storedOf(each, beside)
    return stored === undefined ? [] : [{ ...stored, line: each.line, detector: `env:${each.name}` }]
  })
}

function storedOf({ name, value, clear, literal }: EnvLine, beside: Beside): Stored | undefined {
  const meaning = MEANINGS.find(({ names }) => names.test(name))
  const address = addressIn(value)
  const isNamed = meaning !== undefined || SECRET_NAME.test(name)
  const shape = shapeOf(value)
  if (!isNamed && address === undefined && shape === undefined)
    return !clear && hasDefault(value) ? { reason: 'unclear', why: WITH_MORE.why } : undefined
  const whole = COMPANION.exec(name)?.[1]
  if (NO_SECRET.test(value) || (whole !== undefined && beside.told(`${whole}API_KEY`) !== undefined)) return undefined
  if (isBareVariable(secretIn(value, address)) && (clear || !(literal || value.includes('\\')))) return VARIABLE
  if (!clear) return { reason: 'unclear', ...(isVariable(value) ? { why: WITH_MORE.why } : {}) }
  if (address !== undefined) return address
  const standIn = pointerIn(value, true)
  if (standIn !== undefined) return standIn
  if (meaning !== undefined) return meantOf(name, value, meaning, beside)
  if (shape === undefined) return { kinds: [], parts: { token: value } }
  const { prefix, places } = ownPlaces(name)
  // The address of an application stands beside any of its secrets.
  return placed(
    shape,
    OTHERS_RUN.test(prefix) ? beside.place(prefix, { places }) : undefined,
    ownPlaces(plainName(name)).prefix,
    beside,
  )
}

/** Services that others than their makers run, whose tokens look the same everywhere. */
const OTHERS_RUN = /(?:^|_)(?:GIT|GITHUB|GHE?|GITLAB|GL|NPM|VAULT|BAO|JIRA|ATLASSIAN|CONFLUENCE)_/

function meantOf(name: string, value: string, meaning: EnvMeaning, beside: Beside): Stored {
  const prefix = meaning.names.exec(name)?.[1] ?? ''
  // What a name without a group begins with is its first word.
  const begin = prefix === '' ? name.slice(0, name.indexOf('_') + 1) : prefix
  const place = beside.place(prefix, meaning)
  const more = meaning.beside?.ends.map((ends) => beside.one(prefix, ends)).find((told) => told !== undefined)
  if (place === 'unclear' || more === 'unclear') return UNREADABLE
  // With the values of one name and one host or user for all of them, nobody knows which is whose.
  if (beside.told(name) === 'unclear' && (place !== undefined || more !== undefined)) return { reason: 'unclear', why: SEVERAL }
  const kinds =
    place === undefined && meaning.isPlaced === true ? meaning.kinds.filter((kind) => !Object.hasOwn(HOMES, kind)) : meaning.kinds
  if (kinds.length === 0 || (place !== undefined && meaning.notAt?.test(place.host) === true)) return UNREADABLE
  const shape = shapeOf(value)
  // A token of another service: by its own prefix, and still at the place that stands beside it.
  if (shape !== undefined && !shape.kinds.some((kind) => meaning.kinds.includes(kind))) return placed(shape, place, begin, beside)
  const also = meaning.beside === undefined || more === undefined ? {} : { [meaning.beside.field]: more.text }
  return placed({ kinds, parts: { [meaning.field]: value, ...also } }, place, begin, beside)
}

const SEVERAL = 'stands there with several values, and one host or account for all of them: import it by hand'

/** Nothing goes to the maker's own home that may be for a server which the file tells of under another name, or beside it. */
function placed(
  stored: { kinds: readonly string[]; parts: SecretValue },
  place: Place | 'unclear' | undefined,
  prefix: string,
  beside: Beside,
): Stored {
  if (place === 'unclear') return UNREADABLE
  if (place === undefined && stored.kinds.some((kind) => Object.hasOwn(HOMES, kind)) && beside.mayBeFor(stored.kinds, prefix))
    return UNREADABLE
  return { ...stored, place }
}

/** The password of an address whose name is a name, else the value. */
function secretIn(value: string, address: Stored | undefined): string {
  const { username, password } = address !== undefined && 'parts' in address ? address.parts : {}
  return password === undefined || (username !== undefined && shapeOf(username) !== undefined) ? value : password
}

/** No default is nested deeper. */
const MAX_DEPTH = 5

/**
 * `${NAME:-postgres://anna:abc@host}`: a secret that its own form tells, as what a variable is where nobody sets it, and an address with a
 * password beside a variable.
 */
function hasDefault(value: string): boolean {
  const behind = isVariable(value) ? value.split('://').slice(1) : []
  if (
    behind.some(
      (text) => /^[^\s/?#@:]*:[^\s/?#@]+@/.test(text) && !isBareVariable(text.slice(text.indexOf(':') + 1, text.indexOf('@'))),
    )
  )
    return true
  let rest: string | undefined = value
  for (let depth = 0; depth < MAX_DEPTH; depth++) {
    rest = /^\$\{\w+:?[-=+?](.*)\}$/s.exec(rest)?.[1]?.replace(/^(["'])(.*)\1$/s, '$2')
    if (rest === undefined) return false
    if (shapeOf(rest) !== undefined || addressIn(rest) !== undefined) return true
  }
  return false
}

/** `https://ghp_…@github.com/acme/app`: a token in place of the name, and no password. */
function tokenIn(value: string): Stored | undefined {
  const place = placeOfUrl(value)
  const shape = place === undefined ? undefined : shapeOf(new URL(value).username)
  return shape === undefined ? undefined : { ...shape, place }
}

/** A password among the settings of an address, which each driver reads in its own way. */
const IN_QUERY = /[?&;](?:password|passwd|pwd)=[^&;\s]/i

/** An address with a name and a password in it. */
function addressIn(value: string): Stored | undefined {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(value)?.[1]?.toLowerCase()
  // `jdbc:postgresql://…` has a scheme of two parts.
  if (scheme === undefined) return /^jdbc:/i.test(value) && IN_QUERY.test(value) ? { reason: 'unclear' } : undefined
  const isPostgres = /^(?:postgres(?:ql)?|postgis)(?:\+\w+)?$/.test(scheme)
  const login = isPostgres ? readPostgresUrl(value, false) : readLogin(value)
  if (login === 'unclear') return { reason: 'unclear' }
  if (login === undefined) return IN_QUERY.test(value) ? { reason: 'unclear' } : tokenIn(value)
  const { username, password, place } = login
  const kinds = isPostgres ? ['postgres'] : /^https?$/.test(scheme) ? 'web' : [scheme === 'ldaps' ? 'ldap' : scheme]
  return { kinds, parts: { username, password }, place: isPostgres ? place : placeOfUrl(value) }
}
