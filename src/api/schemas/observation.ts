import { z } from 'zod'
import {
  assurance,
  credentialRef,
  id,
  identityRef,
  instant,
  pageOf,
  reason,
  strength,
  systemRef,
  text,
  transport,
  verdict,
  wire,
} from './common.ts'

/** One recorded verdict about a credential. */
export const observation = z.strictObject({
  id: id().describe('Of the observation'),
  observedAt: instant().describe('When the system answered'),
  trialId: id().describe('The trial that it was part of'),
  verdict: verdict(),
  reason: reason().describe('What the answer meant'),
  strength: strength(),
  assurance: assurance(),
  confirmed: z.boolean().describe('A made-up secret for the same account was refused'),
  principal: text().nullable().describe('Who the system said it was'),
  transport: transport(),
  effects: text().nullable().describe('What the replay may have changed there'),
  wire: wire(),
  latencyMs: z.number().describe('How long the answer took'),
  traceId: text().describe('W3C trace id'),
})
export type Observation = z.infer<typeof observation>
export const observationPage = pageOf(observation)
export type ObservationPage = z.infer<typeof observationPage>

export const ledgerPlace = z.strictObject({
  index: z.int().min(0).describe('In the log, from 0'),
  at: instant().describe('When it was logged'),
})

export const observationDetail = z.strictObject({
  ...observation.shape,
  identity: identityRef.nullable().describe('Null: it is known here no more'),
  system: systemRef.nullable().describe('Null: it is known here no more'),
  credential: credentialRef.nullable().describe('Null: it is known here no more'),
  digest: text().describe('SHA-256 of its facts, hex: what the log has of it'),
  ledger: ledgerPlace.nullable().describe('Its entry in the log; null: not sequenced yet'),
})
export type ObservationDetail = z.infer<typeof observationDetail>
