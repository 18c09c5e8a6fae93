import { z } from 'zod'
import { FINDING_EVENTS } from '../../domain/finding.ts'
import { delivery } from './alert.ts'
import {
  assurance,
  count,
  credentialRef,
  deadline,
  findingKind,
  findingState,
  id,
  identityRef,
  instant,
  pageOf,
  reason,
  severity,
  strength,
  systemRef,
  text,
  verdict,
} from './common.ts'
import { exemption } from './exemption.ts'
import { ledgerPlace, observation } from './observation.ts'
import { controlAnswer } from './trial.ts'

export const finding = z.strictObject({
  id: id().describe('Of the finding'),
  kind: findingKind().describe('What was found'),
  severity: severity(),
  state: findingState(),
  exempted: z.boolean().describe('An exemption silences it: it is tried and recorded, and not alerted'),
  episode: count().describe('Counts the reopenings, from 1'),
  identity: identityRef.nullable().describe('Whom it is about'),
  system: systemRef.nullable().describe('Where'),
  credential: credentialRef.nullable().describe('Which credential'),
  openedAt: instant().describe('When this episode began'),
  lastSeenAt: instant().describe('When it was last seen to hold'),
  resolvedAt: instant().nullable(),
  acknowledgedAt: instant().nullable(),
  acknowledgedBy: text().nullable(),
  reason: reason().nullable().describe('Of the last observation that spoke of it'),
})
export type Finding = z.infer<typeof finding>
export const findingPage = pageOf(finding)
export type FindingPage = z.infer<typeof findingPage>

export const FINDING_EVENT_NAMES = [...FINDING_EVENTS, 'acknowledged', 'exempted', 'closed', 'handed_over'] as const

const traceUrl = () =>
  z.url().nullable().describe('Where `telemetry.traceUrl` of the configuration shows the trace; null: it says nothing')

const happened = {
  id: id().describe('Of the row behind it'),
  at: instant().describe('When it happened'),
  ledger: ledgerPlace.nullable().describe('Its entry in the log; null: not sequenced yet'),
}

/** What happened around a finding. */
export const timelineItem = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.literal('event'),
    ...happened,
    event: text().describe(`An edge or what somebody did: ${FINDING_EVENT_NAMES.join(', ')}`),
    severity: severity(),
    state: findingState(),
    actor: text().nullable().describe('Who; null: it was found'),
    note: text().nullable().describe('What was said about it'),
    traceId: text().nullable().describe('W3C trace id'),
    traceUrl: traceUrl(),
  }),
  z.strictObject({
    type: z.literal('observation'),
    ...happened,
    trialId: id().describe('The trial that it was part of'),
    verdict: verdict(),
    reason: reason(),
    strength: strength(),
    assurance: assurance(),
    confirmed: z.boolean().describe('A made-up secret for the same account was refused'),
    principal: text().nullable().describe('Who the system said it was'),
    latencyMs: z.number().describe('How long the answer took'),
    traceId: text().describe('W3C trace id'),
    traceUrl: traceUrl(),
  }),
  z.strictObject({
    type: z.literal('control'),
    ...happened,
    trialId: id().describe('The trial that it was part of'),
    control: controlAnswer.shape.control,
    verdict: verdict(),
    reason: reason(),
    strength: strength(),
    latencyMs: z.number().describe('How long the answer took'),
  }),
])
export type TimelineItem = z.infer<typeof timelineItem>
export const timelinePage = pageOf(timelineItem)
export type TimelinePage = z.infer<typeof timelinePage>

export const findingDetail = z.strictObject({
  ...finding.shape,
  dedupKey: text().describe('By which receivers group and resolve its alerts'),
  sequence: count().describe('Counts its edges, from 1'),
  title: text().describe('One line'),
  summary: text().describe('What was seen, and how far it is proven'),
  remediation: z.array(text()).describe('What to do, in order; empty once it is resolved'),
  runbook: z.url().nullable().describe("The system's own instructions"),
  deadline: deadline.nullable().describe('When access had to be gone; null: there is none'),
  evidence: z
    .strictObject({
      observation: observation
        .nullable()
        .describe('The last one that spoke of it; null: a clock or a control did, or it is past its retention'),
      controls: z
        .array(
          controlAnswer
            .pick({ control: true, verdict: true, reason: true })
            .extend({ at: instant().describe('When it was asked') }),
        )
        .describe('The controls that stand behind it'),
      confirmation: z
        .strictObject({ verdict: verdict(), reason: reason(), at: instant().describe('When it was asked') })
        .nullable()
        .describe('A made-up secret for the same account: refused, it is this secret that opens the door'),
      traceId: text().nullable().describe('W3C trace id of the trial'),
      traceUrl: traceUrl(),
    })
    .describe('What it rests on'),
  frameworks: z.record(z.string(), z.array(z.string())).describe('The requirements that it speaks to, by framework'),
  proof: z
    .strictObject({
      event: ledgerPlace.nullable().describe('Entry of its last event; null: not sequenced yet'),
      observation: ledgerPlace.nullable().describe('Entry of the observation; null: there is none, or it is not sequenced yet'),
      checkpoint: z
        .strictObject({ size: count().describe('Entries under it'), at: instant().describe('When it was signed') })
        .nullable()
        .describe('The newest checkpoint'),
    })
    .describe('Where the log has it'),
  deliveries: z.array(delivery).describe('Of its alerts, the newest first, at most 100'),
  exemptions: z.array(exemption).describe('Those in force that cover it'),
  stillTried: z.boolean().describe('Something is tried that can close it by itself'),
})
export type FindingDetail = z.infer<typeof findingDetail>
