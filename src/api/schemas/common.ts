import { z } from 'zod'
import { CONTROLS } from '../../domain/control.ts'
import { PRIVILEGES } from '../../domain/credential.ts'
import { FINDING_KINDS, FINDING_STATES, SEVERITIES } from '../../domain/finding.ts'
import { IDENTITY_KINDS } from '../../domain/identity.ts'
import { REASON_NAMES } from '../../domain/reason.ts'
import { STANDINGS } from '../../domain/standing.ts'
import { TIERS, TRANSPORTS } from '../../domain/system.ts'
import { ASSURANCES, STRENGTHS, VERDICTS } from '../../domain/verdict.ts'

/** What answers are made of. Instants are RFC 3339 in UTC, durations milliseconds; null stands for what is not there, or not yet. */

export const id = () => z.uuid()
export const instant = () => z.iso.datetime()
export const count = () => z.int().min(0)
export const text = () => z.string()

export const verdict = () => z.enum(VERDICTS)
export const reason = () => z.enum(REASON_NAMES)
export const strength = () => z.enum(STRENGTHS).describe('`weak`: the same bytes also occur while the credential is still usable')
export const assurance = () =>
  z
    .enum(ASSURANCES)
    .describe(
      '`controlled`: decoys refused and canary accepted; `explicit`: decoys refused, no canary; `none`: no control passed',
    )
export const transport = () =>
  z.enum(TRANSPORTS).describe('`verified`: TLS with a verified peer; `insecure`: TLS unverified; `clear`: no TLS')
export const standing = () => z.enum(STANDINGS)
export const severity = () => z.enum(SEVERITIES)
export const findingKind = () => z.enum(FINDING_KINDS)
export const findingState = () => z.enum(FINDING_STATES)
export const control = () => z.enum(CONTROLS)
export const privilege = () => z.enum(PRIVILEGES)
export const wire = () =>
  z.record(z.string(), z.union([z.string(), z.number()])).describe('Facts of the protocol: a status, a code. Never a secret')

/** Whom something is about. */
export const identityRef = z.strictObject({
  id: id().describe('Of the identity'),
  externalId: text().describe('As its source names it'),
  kind: z.enum(IDENTITY_KINDS).describe('A person, a service account, an AI agent'),
  name: text().describe('For people'),
  terminatedAt: instant().nullable().describe('When it left, or will leave. Null: it is here'),
})
export type IdentityRef = z.infer<typeof identityRef>

/** Where something is. */
export const systemRef = z.strictObject({
  id: id().describe('Of the system'),
  name: text().describe('As the configuration names it'),
  tier: z.enum(TIERS).describe('How much residual access matters there'),
  owner: text().nullable().describe('Who mends it'),
})
export type SystemRef = z.infer<typeof systemRef>

export const credentialRef = z.strictObject({
  id: id().describe('Of the credential'),
  label: text().describe('Unique for its identity and system'),
  kind: text().describe('What sort of credential: password, api_token, …'),
  fingerprint: text().describe('Keyed fingerprint of the secret, never the secret'),
})
export type CredentialRef = z.infer<typeof credentialRef>

/** When access had to be gone. */
export const deadline = z.strictObject({
  revokeBy: instant().describe('An agreed handover, or the termination and what policy.revokeWithin allows the tier'),
  state: z
    .enum(['in_time', 'late', 'running', 'overdue'])
    .describe('Proven closed `in_time` or `late`; not proven closed and the time is `running`, or `overdue`'),
  closedAt: instant().nullable().describe('The first proven refusal, once enough of them had come'),
})
export type Deadline = z.infer<typeof deadline>

const tally = (what: string) => count().describe(what)
/** How many credentials stand how. */
export const standingCounts = z.strictObject({
  open: tally('Accepted, and nothing proven since'),
  unverified: tally('The last answer proved nothing'),
  not_tried: tally('No answer yet'),
  refused: tally('Refused, but not often enough yet, or too weakly'),
  closed: tally('Enough proven refusals in a row'),
  retired: tally('Taken off the list'),
  resting: tally('Their identity is here: not tried'),
})
export type StandingCounts = z.infer<typeof standingCounts>

/** A credential's last answer, all null before the first. */
export const lastAnswer = {
  verdict: verdict().nullable().describe('Of the last answer'),
  reason: reason().nullable().describe('What the last answer meant'),
  strength: strength().nullable(),
  assurance: assurance().nullable(),
  observedAt: instant().nullable().describe('Of the last answer'),
}

/** Who is paused, or what. */
export const pause = z.strictObject({
  at: instant().describe('Since when'),
  by: text().describe('Who paused it'),
  note: text().describe('Why'),
})

/** One page of a list. */
export function pageOf<Item extends z.ZodType>(item: Item) {
  return z.strictObject({
    items: z.array(item).describe('In the order that `sort` asks for'),
    next: z
      .string()
      .nullable()
      .describe('What `cursor` takes for the next page; null: this is the last. `Link: rel="next"` says the same'),
  })
}
