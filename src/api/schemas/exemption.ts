import { z } from 'zod'
import { count, credentialRef, findingKind, id, identityRef, instant, pageOf, systemRef, text } from './common.ts'

export const EXEMPTION_STATES = ['coming', 'in_force', 'ended', 'revoked'] as const

/** What is accepted for a while, by whom and why. It covers what all that it names have in common. */
export const exemption = z.strictObject({
  id: id().describe('Of the exemption'),
  state: z.enum(EXEMPTION_STATES).describe('As of now'),
  kind: findingKind().nullable().describe('Only findings of this kind; null: any'),
  identity: identityRef.nullable().describe('Only about this identity; null: any'),
  system: systemRef.nullable().describe('Only at this system; null: any'),
  credential: credentialRef.nullable().describe('Only about this credential; null: any'),
  owner: text().describe('Who answers for it'),
  reason: text().describe('Why it is accepted'),
  startsAt: instant().describe('In force from'),
  endsAt: instant().describe('In force until, at most'),
  createdAt: instant().describe('When it was granted'),
  createdBy: text().describe('Who granted it'),
  revokedAt: instant().nullable().describe('When it was taken back'),
  silenced: count().describe('Findings not resolved that it covers now'),
})
export type Exemption = z.infer<typeof exemption>
export const exemptionPage = pageOf(exemption)
export type ExemptionPage = z.infer<typeof exemptionPage>
