import { boxSecret, type Secret, type SecretValue } from '../../custody/box.ts'
import { isNameField } from '../../domain/reference.ts'
import { asTold } from './as-told.ts'
import type { Place } from './place.ts'
import { pointerIn } from './pointer.ts'
import { STAND_IN } from './pointer-forms.ts'
import { isPlainWordFor } from './stand-in.ts'

/** Where a source found something. */
export interface Spot {
  /** The finding of a report, from 1. */
  entry?: number
  /** The file that holds the secret, as the source names it. */
  file: string
  /** From 1. */
  line?: number
}

/** A secret that a source found, before anybody knows whose it is and what it opens. */
export interface Candidate extends Spot {
  /** What found it: a scanner's detector (`Github`, `github-pat`) or a store (`pgpass`); what `--map` names. */
  detector: string
  /** Probes that speak to what it opens, none where there is no such probe; `web`: whatever is asked over HTTP at its place. */
  kinds: readonly string[] | 'web'
  /** Where the source says that it belongs. */
  place: Place | undefined
  /** The parts of the secret by our own names: `token`, `username`, `password`, `privateKey` … */
  held: Secret
  /** Who the system should say this is, where the source knows it. */
  principal?: string
  /** An e-mail address of whoever put it there. */
  email?: string
  /** What the scanner says of it: it works, or it does not. Noted, never believed. */
  claim?: boolean
}

/** Why something was not imported. */
export const REASONS = {
  unreadable: 'cannot be read',
  altered: 'is redacted or altered: the secret itself is not in the file',
  unclear: 'can be read in two ways: import it by hand, as the system knows it',
  no_secret: 'holds no secret',
  elsewhere: 'names where the secret is kept: nothing to import here',
  not_replayable: 'is not whole, or of a kind that is not replayed',
  needs_passphrase: 'is a private key behind a passphrase: import it with import credentials, passphrase and all',
  no_probe: 'is of a kind that no probe replays; --map DETECTOR=SYSTEM names a system of your own that takes it',
  no_system: 'belongs to no system of the configuration',
  system_ambiguous: 'fits several systems: --map DETECTOR=SYSTEM says which',
  place_unknown: 'does not say which system it belongs to: --map DETECTOR=SYSTEM does',
  origin_differs: 'belongs to another origin than the mapped system has: it is not sent there',
  identity_missing: 'names nobody: --identity EXTERNAL-ID says whose it is',
  identity_unknown: 'names nobody who is known: import the identity first, or say --identity',
  identity_ambiguous: 'names an e-mail address that several identities have: say --identity',
  too_large: 'is larger than a credential store is',
  not_followed: 'is a symbolic link and was not followed',
  not_regular: 'is no regular file',
  refused: 'was refused by the credential import',
  cut_short: 'was not looked at: the folder holds more files than are looked at',
} as const satisfies Record<string, string>

/** What is said of an `unclear` secret whose source names a server in words that are not one, or names two. */
export const UNREADABLE_PLACE = 'names where it belongs in a way that is not certain: import it by hand, as the system knows it'

export type AsideReason = keyof typeof REASONS

/** Something that was found and not imported. No text of it is a secret. */
export interface Aside extends Spot {
  detector: string
  host?: string
  email?: string
  reason: AsideReason
  message: string
}

export type Found = Candidate | Aside

export function isAside(found: Found): found is Aside {
  return 'reason' in found
}

export interface CandidateParts extends Omit<Candidate, 'held' | 'detector'> {
  detector: string
  parts: SecretValue
}

/**
 * Puts the secret into its box; what is told of the finding must not quote it. Every source's findings pass here: what only stands for
 * a secret (`pointerIn`) is set aside, whatever it was found in.
 */
export function candidate({ parts, ...rest }: CandidateParts): Found {
  const secrets = Object.entries(parts).flatMap(([field, text]) => (isNameField(field) ? [] : [text]))
  const told: Spot & { detector: string; email?: string } = {
    ...spotOf(rest, secrets),
    detector: asTold(rest.detector, secrets),
    ...(rest.email === undefined ? {} : { email: asTold(rest.email, secrets) }),
  }
  if (secrets.length === 0 || secrets.some((text) => text.trim() === '')) return aside(told, 'no_secret')
  if (secrets.some(isAltered) || Object.values(parts).some((text) => !text.isWellFormed()))
    return aside({ ...told, ...hostOf(rest.place, secrets) }, 'altered')
  const [pointer] = [
    ...Object.entries(parts).flatMap(([field, text]) => pointerIn(text, isNameField(field) || field === 'url') ?? []),
    ...(secrets.some((text) => isPlainWordFor(rest.kinds, text)) ? [STAND_IN] : []),
  ]
  if (pointer !== undefined) return aside({ ...told, ...hostOf(rest.place, secrets) }, pointer.reason, pointer.why)
  return { ...rest, ...told, held: boxSecret(parts) }
}

/** Something that is not imported, in the catalogue's words or in `why`, which quotes nothing. */
export function aside(
  { detector, host, email, ...spot }: Spot & { detector: string; host?: string; email?: string },
  reason: AsideReason,
  why?: string,
): Aside {
  return {
    ...spotOf(spot, []),
    detector: asTold(detector),
    ...(host === undefined ? {} : { host: asTold(host) }),
    ...(email === undefined ? {} : { email: asTold(email) }),
    reason,
    message: why ?? REASONS[reason],
  }
}

/** A candidate that is not imported after all. */
export function setAside(found: Candidate, reason: AsideReason, why?: string): Aside {
  const host = found.place?.host
  return aside({ ...found, ...(host === undefined ? {} : { host }) }, reason, why)
}

function hostOf(place: Place | undefined, secrets: readonly string[]): { host?: string } {
  return place === undefined ? {} : { host: asTold(place.host, secrets) }
}

function spotOf({ entry, file, line }: Spot, secrets: readonly string[]): Spot {
  return {
    ...(entry === undefined ? {} : { entry }),
    file: asTold(file, secrets),
    ...(line === undefined ? {} : { line }),
  }
}

/**
 * `REDACTED` and `abc...` (gitleaks --redact), `[REDACTED:…]` (Kingfisher --redact), rows of asterisks, and what a scanner could not
 * spell: replayed, such a text would be refused and look like a door that is closed.
 */
function isAltered(text: string): boolean {
  return /^\W*redacted\b/i.test(text) || /\*{4,}|\uFFFD|\\u\{/.test(text) || /(?:\.\.\.|…)$/.test(text)
}
