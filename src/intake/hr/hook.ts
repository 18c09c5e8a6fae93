import type { DayEnd } from '../instant.ts'
import type { AuthForm } from './ask-hr.ts'
import type { WebhookOptions } from './hook-options.ts'
import { lowerCase, type ReadPerson } from './person.ts'
import { compileMap, type PersonMap } from './person-map.ts'
import { PRESETS } from './presets.ts'
import type { SignatureScheme } from './signature.ts'

/** A webhook source ready for what comes: the preset with the configuration over it. */
export interface Hook {
  signature: SignatureScheme
  event: ReadPerson
  /** Undefined: people are not asked for. */
  lookup: Lookup | undefined
  pings: readonly string[]
}

export interface Lookup {
  origin: string
  /** With `{key}` in it. */
  path: string
  json: unknown
  auth: AuthForm
  user: string | undefined
  password: string
  read: ReadPerson
}

/** Throws where the options are not as their schema has them. */
export function hookOf({ preset, signature, map, statuses, types, timeZone, api }: WebhookOptions, policy: DayEnd): Hook {
  const known = preset === undefined ? undefined : PRESETS[preset]
  const scheme = signature ?? known?.signature
  if (scheme === undefined) throw new Error('a webhook without a signature')
  const words = {
    statuses: lowerCase({ ...known?.statuses, ...statuses }),
    types: lowerCase({ ...known?.types, ...(api === undefined ? known?.typesAlone : {}), ...types }),
    dayEnd: { terminationCutOff: policy.terminationCutOff, timeZone: timeZone ?? policy.timeZone },
  }
  const own: PersonMap = { ...known?.map, ...map }
  const find = compileMap(own)
  return {
    signature: scheme,
    // Whoever is asked for is named by the answer, and not by the key of an event that names nobody.
    event: {
      find: api !== undefined && own.externalId === undefined ? { ...find, externalId: () => undefined } : find,
      ...words,
    },
    lookup: api === undefined ? undefined : lookupOf(api, known?.lookup, words),
    pings: known?.pings ?? [],
  }
}

type Api = NonNullable<WebhookOptions['api']>

function lookupOf(
  { origin, path, user, password, map }: Api,
  known: { path: string; json?: unknown; auth: AuthForm; map: PersonMap } | undefined,
  words: Omit<ReadPerson, 'find'>,
): Lookup {
  return {
    ...{ origin, user, password, json: path === undefined ? known?.json : undefined, path: path ?? known?.path ?? '/{key}' },
    auth: known?.auth ?? (user === undefined ? 'bearer' : 'basic'),
    read: { find: compileMap({ ...known?.map, ...map }), ...words },
  }
}
