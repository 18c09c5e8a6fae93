import type { z } from 'zod'
import type { Config, SinkConfig, SystemConfig } from '../config/config.ts'
import { parseReference } from '../domain/reference.ts'
import type { ConfigurationAnswer } from './schemas/setup.ts'

type Json = z.infer<ReturnType<typeof z.json>>

/**
 * A configuration as it may be shown: a reference becomes `{ "reference": "env" }`, an address its origin. Where somebody has written a
 * secret itself in spite of the schema, that is not shown either.
 */
export function shownConfig({ systems, alerts, ...settings }: Config): ConfigurationAnswer {
  return {
    settings: objectOf(settings),
    systems: systems.map(shownSystem),
    alerts: alerts.map(shownSink),
  }
}

function shownSystem({ controls, inventory, ...system }: SystemConfig): Record<string, Json> {
  const { canary, ...rest } = controls
  // Of a canary's fields even a name is nobody's business: it is a live account.
  return {
    ...objectOf(system),
    ...(inventory === undefined ? {} : { inventory: shownInventory(inventory) }),
    controls: { ...objectOf(rest), canary: canary === undefined ? null : shownCanary(canary) },
  }
}

function shownInventory({ credential, canary, ...rest }: NonNullable<SystemConfig['inventory']>): Json {
  return { ...objectOf(rest), credential: shownCanary(credential), canary: canary === undefined ? null : SET }
}

function shownCanary(canary: string | Readonly<Record<string, string>>): Json {
  if (typeof canary === 'string') return shown('canary', canary)
  return Object.fromEntries(Object.entries(canary).map(([field, value]) => [field, referenceOf(value) ?? SET]))
}

/** An address of a chat's webhook is its secret; of what a sink has of its own only the names are told. */
function shownSink({ to, options, ...sink }: SinkConfig): Record<string, Json> {
  return {
    ...objectOf(sink),
    to: to === undefined ? null : (referenceOf(to) ?? originOf(to)),
    options: Object.fromEntries(Object.entries(options).map(([name, value]) => [name, shownOption(value)])),
  }
}

function shownOption(value: unknown): Json {
  if (typeof value === 'boolean' || typeof value === 'number') return value
  return (typeof value === 'string' ? referenceOf(value) : undefined) ?? SET
}

/** There is a value, and it is not shown. */
const SET = { set: true }

function objectOf(value: object): Record<string, Json> {
  return Object.fromEntries(
    Object.entries(value).flatMap(([name, each]): [string, Json][] => (each === undefined ? [] : [[name, shown(name, each)]])),
  )
}

/** Fields that hold what people write: headers, bodies, and whatever is called a secret. */
const PRIVATE = /secret|password|passphrase|token|authorization|headers|body|credentials?Value|apikey|privatekey/i
/** Fields of that name that hold rows of their own. */
const ROWS = new Set(['auditorTokens', 'secretManagers'])

function shown(name: string, value: unknown): Json {
  if (typeof value === 'string') return referenceOf(value) ?? (PRIVATE.test(name) ? SET : withoutUserinfo(value))
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value
  if (Array.isArray(value)) return value.map((each: unknown) => shown(ROWS.has(name) ? '' : name, each))
  if (typeof value !== 'object') return null
  return PRIVATE.test(name) ? SET : objectOf(value)
}

function referenceOf(text: string): Json | undefined {
  const reference = parseReference(text)
  return reference === undefined ? undefined : { reference: reference.scheme }
}

/** A URL may carry a password, or a key in its query, where the schema of its field does not know that it is one. */
function withoutUserinfo(text: string): string {
  if (!URL.canParse(text)) return text
  const url = new URL(text)
  if (url.username === '' && url.password === '' && url.search === '') return text
  const query = url.search === '' ? '' : '?…'
  url.username = ''
  url.password = ''
  url.search = ''
  url.hash = ''
  return `${url.href}${query}`
}

function originOf(text: string): Json {
  if (!URL.canParse(text)) return SET
  const { protocol, host } = new URL(text)
  return host === '' ? SET : `${protocol}//${host}`
}
