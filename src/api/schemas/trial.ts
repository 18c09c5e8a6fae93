import { z } from 'zod'
import {
  assurance,
  control,
  count,
  id,
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

export const TRIAL_OUTCOMES = ['completed', 'void', 'unjudged', 'blind', 'held', 'stopped', 'unfinished'] as const

/** One controlled run against one shard of one system. */
export const trial = z.strictObject({
  id: id().describe('Of the trial'),
  system: systemRef.nullable().describe('Null: it is known here no more'),
  shard: count().describe('Which part of the system, from 0'),
  zone: text().describe('Where it ran'),
  instance: text().describe('Which replica ran it'),
  traceId: text().describe('W3C trace id'),
  startedAt: instant().describe('When it began'),
  finishedAt: instant().nullable().describe('Null: it runs, or a crash cut it short'),
  outcome: z
    .enum(TRIAL_OUTCOMES)
    .nullable()
    .describe('How it ended; `void`: a decoy was accepted, `blind`: the canary was not. Null: it runs, or a crash cut it short'),
  assurance: assurance().nullable(),
  accepted: count().describe('How many credentials were accepted'),
  rejected: count().describe('How many were refused'),
  inconclusive: count().describe('How many could not be judged'),
})
export type Trial = z.infer<typeof trial>
export const trialPage = pageOf(trial)
export type TrialPage = z.infer<typeof trialPage>

/** One decoy or canary that was asked. */
export const controlAnswer = z.strictObject({
  id: id().describe('Of the control'),
  trialId: id().describe('The trial that it was part of'),
  control: control().describe(
    'Which: no credential, a made-up account, a live one, a made-up secret for the account of an acceptance',
  ),
  credentialId: id().nullable().describe('Whose acceptance it confirms, of `same-principal`'),
  observedAt: instant().describe('When the system answered'),
  verdict: verdict(),
  reason: reason().describe('What the answer meant'),
  strength: strength(),
  transport: transport(),
  wire: wire(),
  latencyMs: z.number().describe('How long the answer took'),
})
export type ControlAnswer = z.infer<typeof controlAnswer>

export const trialDetail = z.strictObject({
  ...trial.shape,
  controls: z.array(controlAnswer).describe('What was asked beside the credentials, in order'),
  moreControls: z.boolean().describe('There were more controls than are told here'),
})
export type TrialDetail = z.infer<typeof trialDetail>
