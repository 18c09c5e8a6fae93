import { z } from 'zod'
import {
  count,
  credentialRef,
  deadline,
  findingKind,
  findingState,
  id,
  identityRef,
  instant,
  lastAnswer,
  pageOf,
  privilege,
  severity,
  standing,
  standingCounts,
  systemRef,
  text,
} from './common.ts'

export const identity = z.strictObject({
  ...identityRef.shape,
  email: text().nullable().describe('As its source gives it'),
  owner: identityRef.nullable().describe('Who answers for a service or an agent. Null: nobody, or nobody that is known'),
  ownerExternalId: text().nullable().describe('The owner as the source names it, known here or not'),
  source: text().describe('What reported it'),
  state: z.enum(['active', 'terminated']).describe('`active`: it is here, even if a last day is set'),
  suspendedAt: instant()
    .nullable()
    .describe('Since when a source calls it suspended: it is here, and its credentials rest. Null: none does'),
  credentials: standingCounts.describe('How its credentials stand'),
  findings: z
    .strictObject({
      unresolved: count().describe('Findings about it that are not resolved'),
      worst: severity().nullable().describe('The highest severity among them'),
    })
    .describe('What was found'),
  grants: count().describe('Grants that lists of administrators show of it: see /v1/grants?identity='),
  createdAt: instant().describe('When it became known'),
  updatedAt: instant().describe('When its source last changed it'),
})
export type Identity = z.infer<typeof identity>
export const identityPage = pageOf(identity)
export type IdentityPage = z.infer<typeof identityPage>

const cell = z.strictObject({
  credential: credentialRef,
  principal: text().nullable().describe('Who the system should say it is'),
  privilege: privilege().describe('What it may do there'),
  shared: z.boolean().describe('Others hold it too: it has to be rotated'),
  standing: standing().describe('How it stands'),
  ...lastAnswer,
  dueAt: instant().nullable().describe('When it is tried next. Null: it is not tried'),
  handoverBy: instant().nullable().describe('It is handed over: when it must be refused. Null: it is not'),
  deadline: deadline.nullable().describe('Null: its identity is here'),
  finding: z
    .strictObject({
      id: id().describe('Of the finding'),
      kind: findingKind(),
      severity: severity(),
      state: findingState(),
      exempted: z.boolean().describe('An exemption silences it'),
    })
    .nullable()
    .describe('The most severe finding about it that is not resolved'),
})

/** Systems × credentials of one identity. */
export const identityMatrix = z.strictObject({
  identity: identityRef,
  rows: z
    .array(
      z.strictObject({
        system: systemRef,
        credentials: z.array(cell).describe('What it holds there, by label'),
      }),
    )
    .describe('By the name of the system'),
  more: z.boolean().describe('It holds more credentials than are told here: see /v1/credentials?identity='),
})
export type IdentityMatrix = z.infer<typeof identityMatrix>
export type MatrixCell = z.infer<typeof cell>

export const historyItem = z.strictObject({
  id: id().describe('Of the row behind it'),
  at: instant().describe('When it happened'),
  type: z.enum(['finding', 'operator']).describe('`finding`: an event of a finding. `operator`: what somebody did here'),
  event: text().describe('What: the event of the finding, or the action'),
  actor: text().nullable().describe('Who; null: nobody, it was found, or the audit may not be read'),
  note: text().nullable().describe('What was said about it'),
  finding: z
    .strictObject({ id: id().describe('Of the finding'), kind: findingKind(), severity: severity() })
    .nullable()
    .describe('Which finding'),
  system: systemRef.nullable().describe('Where'),
})
export type HistoryItem = z.infer<typeof historyItem>
export const historyPage = pageOf(historyItem)
export type HistoryPage = z.infer<typeof historyPage>
