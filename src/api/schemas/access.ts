import { z } from 'zod'
import { PERMISSIONS, ROLES } from '../../domain/access.ts'
import { id, instant, pageOf, text } from './common.ts'

const role = () => z.enum(ROLES)
const tied = () => z.boolean().describe('Whether it ends with somebody who leaves. False: it belongs to nobody that is known')

/** Which ways in there are. */
export const signInAnswer = z.strictObject({
  oidc: z.boolean().describe('Whether GET /v1/sign-in/oidc leads to a provider'),
})
export type SignInAnswer = z.infer<typeof signInAnswer>

/** Who asks. */
export const sessionAnswer = z.strictObject({
  actor: text().describe('As the audit names him'),
  role: role(),
  permissions: z.array(z.enum(PERMISSIONS)).describe('What the role allows'),
  via: z.enum(['session', 'token']),
  csrf: text()
    .nullable()
    .describe('What the header X-CSRF-Token must hold in requests that change something. Null: by token, none is needed'),
  provider: z
    .boolean()
    .describe(
      'The provider signed him in: after DELETE /v1/session, GET /v1/sign-out/oidc leads to where he signs out of it too',
    ),
  expiresAt: instant().describe('When the session or the token ends at the latest'),
})
export type SessionAnswer = z.infer<typeof sessionAnswer>

export const signInBody = z.strictObject({
  code: z.string().min(1).max(200).describe('Of the one-time link: what stands in its fragment after `code=`'),
})

export const sessionItem = z.strictObject({
  id: id(),
  actor: text().describe('As the audit names him'),
  role: role(),
  via: z.enum(['link', 'oidc']).describe('How he signed in'),
  address: text().nullable().describe('From where he signed in'),
  agent: text().nullable().describe('With which browser, as it says itself'),
  createdAt: instant().describe('When he signed in'),
  seenAt: instant().describe('Of the last request, to the minute'),
  expiresAt: instant().describe('When it ends at the latest'),
  own: z.boolean().describe('Whether it is the one that asks'),
  tied: tied(),
})
export type SessionItem = z.infer<typeof sessionItem>
export const sessionsAnswer = pageOf(sessionItem)

export const tokenItem = z.strictObject({
  id: id(),
  name: text().describe('The audit says `token:NAME`'),
  role: role(),
  owner: text()
    .nullable()
    .describe('Who answers for it: e-mail address or external id. The token dies when that identity leaves'),
  tied: tied(),
  createdAt: instant(),
  createdBy: text().describe('As the audit names him. The token dies when he leaves'),
  expiresAt: instant(),
  usedAt: instant().nullable().describe('The last time, to the minute'),
  state: z.enum(['live', 'expired', 'revoked']),
  endedAt: instant().nullable().describe('When it was revoked'),
  endedBy: text().nullable().describe('Who revoked it; `terminated`: one of those it belongs to has left'),
})
export type TokenItem = z.infer<typeof tokenItem>
export const tokensAnswer = pageOf(tokenItem)

export const tokenBody = z.strictObject({
  name: z
    .string()
    .max(63, { error: 'must have at most 63 characters' })
    .regex(/^[a-z0-9]+(?:-[a-z0-9]+)*$/, { error: 'must be lower-case letters and digits joined by single hyphens' })
    .describe('Unique among those that were not revoked'),
  role: role(),
  days: z.int().min(1).max(366).default(90).describe('How long it is good for'),
  owner: z
    .string()
    .min(1)
    .max(320)
    .regex(/^[^\p{Cc}]*$/u, { error: 'must be one line' })
    .exactOptional()
    .describe('E-mail address or external id of whoever answers for it. Needed where whoever makes it is not known by one'),
})

export const tokenAnswer = z.strictObject({
  ...tokenItem.shape,
  token: text().describe('Shown this once: only a digest of it is kept'),
})
export type TokenAnswer = z.infer<typeof tokenAnswer>

export const callbackQuery = z
  .looseObject({
    code: z.string().max(4_096).exactOptional(),
    state: z.string().max(200).exactOptional(),
    iss: z.string().max(500).exactOptional(),
    error: z.string().max(200).exactOptional(),
  })
  .describe('As OpenID Connect says; further parameters are passed over')
