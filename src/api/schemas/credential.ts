import { z } from 'zod'
import { RETIRED_REASONS } from '../../domain/credential.ts'
import { REFERENCES } from '../../domain/reference.ts'
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
  systemRef,
  text,
} from './common.ts'

const schemes = z.enum(Object.keys(REFERENCES))

export const credential = z.strictObject({
  ...credentialRef.shape,
  identity: identityRef,
  system: systemRef,
  principal: text().nullable().describe('Who the system should say it is'),
  privilege: privilege().describe('What it may do there'),
  shared: z.boolean().describe('Others hold it too: it has to be rotated'),
  standing: standing().describe('How it stands'),
  ...lastAnswer,
  dueAt: instant().nullable().describe('When it is tried next. Null: it is not tried'),
  revokedAfterMs: z.number().nullable().describe('From the termination to the first proven refusal that no acceptance followed'),
  deadline: deadline.nullable().describe('Null: its identity is here, or the credential is retired'),
  retiredAt: instant().nullable().describe('When it was taken off the list'),
  retiredReason: z
    .enum(RETIRED_REASONS)
    .nullable()
    .describe(
      '`operator`: somebody said so. `proven_dead`: refused with proof for long enough. `expired`: past its own date. `rotated`: another value was registered for the others who hold it, and this one is refused, with proof',
    ),
})
export type Credential = z.infer<typeof credential>
export const credentialPage = pageOf(credential)
export type CredentialPage = z.infer<typeof credentialPage>

export const recipientAnswer = z.strictObject({
  recipient: text().describe(
    'An age recipient (age-encryption.org), `age1…`. After a rotation of the keys there is another; what was encrypted to the one before still opens',
  ),
})

/** One credential: all but its secret. */
export const credentialDetail = z.strictObject({
  ...credential.shape,
  secret: z
    .strictObject({
      kept: z.enum(['sealed', 'reference', 'none']).describe('`none`: it is shredded'),
      scheme: schemes.nullable().describe('Of the reference'),
      origin: text().describe('What it opens for, and nothing else'),
      expiresAt: instant().nullable().describe('Its own date: of a JWT, a certificate. Null: it tells none, or was never opened'),
    })
    .describe('How the secret is kept'),
  handoverBy: instant().nullable().describe('When the old secret has to be dead that an automation was moved away from'),
  handover: z
    .strictObject({
      id: id().describe('Of the handover'),
      receiver: identityRef.describe('Who takes over'),
      state: z
        .enum(['running', 'overdue', 'done'])
        .describe('`running`: the date is to come. `overdue`: it has passed, and this one is not proven refused. `done`: it is'),
    })
    .nullable()
    .describe('The agreed handover that it is part of; null: none, even where a file gave a date'),
  rotatedAt: instant()
    .nullable()
    .describe('When another value was registered for the others who hold it: this one must be refused'),
  judgedAt: instant().nullable().describe('The last answer that proved something'),
  acceptedAt: instant().nullable().describe('The last acceptance'),
  confirmedAt: instant().nullable().describe('The last refusal of a made-up secret for the same account'),
  firstRejectedAt: instant().nullable().describe('The first proven refusal since the last acceptance'),
  deadAt: instant().nullable().describe('When enough proven refusals had come'),
  verifyBy: instant().nullable().describe('When the lack of a judgement becomes a finding'),
  rejections: count().describe('Proven refusals in a row'),
  failures: count().describe('Answers in a row that proved nothing'),
  attempts: count().describe('Tries so far'),
  findings: z
    .array(
      z.strictObject({
        id: id().describe('Of the finding'),
        kind: findingKind(),
        severity: severity(),
        state: findingState(),
        exempted: z.boolean().describe('An exemption silences it'),
        openedAt: instant().describe('When it was first seen'),
      }),
    )
    .describe('What was found about it, the newest first'),
  createdAt: instant().describe('When it became known'),
  updatedAt: instant().describe('When its source last changed it'),
})
export type CredentialDetail = z.infer<typeof credentialDetail>
