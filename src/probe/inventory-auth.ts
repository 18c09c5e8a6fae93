import { z } from 'zod'
import { RevenantError } from '../domain/error.ts'
import type { HttpRequest } from './exchange.ts'
import type { HttpAnswer } from './http-answer.ts'
import { AUTH_TEMPLATES, type InventoryAuth } from './inventory-schema.ts'
import type { ScopeOf } from './template.ts'

export type AdminScope = ScopeOf<'secret' | 'target'>

/** Sends one request as every other one of the inventory: in its pace, with its time limit. */
export type Send = (request: HttpRequest) => Promise<HttpAnswer>

/** What an administrator's credential adds to a request. */
export interface InventoryAuthenticator {
  /** Where a token is had, where one is needed: the credential goes there too. */
  readonly tokenOrigin: (scope: AdminScope) => string | undefined
  /**
   * The header that carries it. Throws `TokenRefusedError` where there is none to be had, and `SECRET_INVALID` where the credential does
   * not fit.
   */
  header(scope: AdminScope, send: Send): Promise<readonly [name: string, value: string]>
}

/** No token was given for the administrator's credential. */
export class TokenRefusedError extends Error {
  readonly answer: HttpAnswer

  constructor(answer: HttpAnswer) {
    super('no token was given for the credential of this inventory')
    this.answer = answer
  }
}

const TOKEN_LIVES_S = 3_600
const granted = z.object({ access_token: z.string().min(1).max(16_384) })

export function compileAuth(auth: InventoryAuth): InventoryAuthenticator {
  const none = () => undefined
  switch (auth.kind) {
    case 'header': {
      const value = AUTH_TEMPLATES.compile(auth.value)
      return { tokenOrigin: none, header: async (scope) => [auth.name, visible(value.render(scope))] }
    }
    case 'basic': {
      const [name, password] = [AUTH_TEMPLATES.compile(auth.username), AUTH_TEMPLATES.compile(auth.password)]
      return {
        tokenOrigin: none,
        header: async (scope) => {
          const pair = `${visible(name.render(scope))}:${visible(password.render(scope))}`
          return ['authorization', `Basic ${Buffer.from(pair).toString('base64')}`]
        },
      }
    }
    case 'client_credentials': {
      const [clientId, clientSecret] = [AUTH_TEMPLATES.compile(auth.clientId), AUTH_TEMPLATES.compile(auth.clientSecret)]
      return withToken(auth.tokenUrl, async (scope) => ({
        grant_type: 'client_credentials',
        client_id: visible(clientId.render(scope)),
        client_secret: visible(clientSecret.render(scope)),
        scope: auth.scope,
      }))
    }
    case 'service_account':
      return withToken(auth.tokenUrl, async (scope, tokenUrl) => ({
        grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
        assertion: await assertionOf(auth, scope, tokenUrl),
      }))
  }
}

function withToken(
  address: string,
  form: (scope: AdminScope, tokenUrl: string) => Promise<Record<string, string>>,
): InventoryAuthenticator {
  const template = AUTH_TEMPLATES.compile(address)
  const urlOf = (scope: AdminScope) => URL.parse(template.render(scope, encodeIfNeeded) ?? '') ?? undefined
  return {
    tokenOrigin: (scope) => urlOf(scope)?.origin,
    header: async (scope, send) => {
      const url = urlOf(scope)
      if (url === undefined) throw new RevenantError('CONFIG_INVALID', 'the target names no address for tokens')
      const answer = await send({
        origin: url.origin,
        path: url.pathname,
        bare: url.pathname,
        method: 'POST',
        headers: ['content-type', 'application/x-www-form-urlencoded', 'accept', 'application/json'],
        body: new URLSearchParams(await form(scope, url.href)).toString(),
      })
      const token = answer.status === 200 ? granted.safeParse(answer.json()).data?.access_token : undefined
      if (token === undefined) throw new TokenRefusedError(answer)
      return ['authorization', `Bearer ${visible(token)}`]
    },
  }
}

/** A whole address comes as it is, a part of a path escaped. */
function encodeIfNeeded(value: string): string {
  return value.startsWith('https://') || value.startsWith('http://') ? value : encodeURIComponent(value)
}

async function assertionOf(
  auth: Extract<InventoryAuth, { kind: 'service_account' }>,
  scope: AdminScope,
  tokenUrl: string,
): Promise<string> {
  const part = (text: string) => {
    const value = AUTH_TEMPLATES.compile(text).render(scope)
    if (value === undefined) throw new RevenantError('SECRET_INVALID', 'the credential of this inventory lacks a field')
    return value
  }
  const { importPKCS8, SignJWT } = await import('jose')
  const email = part(auth.email)
  const key = await importPKCS8(part(auth.privateKey), 'RS256').catch(() => {
    // Its own message may quote the key.
    throw new RevenantError('SECRET_INVALID', 'the private key of this inventory is no PKCS #8 key in PEM')
  })
  const now = Math.floor(Date.now() / 1_000)
  return new SignJWT({ scope: auth.scopes.join(' ') })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(email)
    .setSubject(part(auth.subject))
    .setAudience(tokenUrl)
    .setIssuedAt(now)
    .setExpirationTime(now + TOKEN_LIVES_S)
    .sign(key)
}

/** What may stand in a header: a line break would end it and begin another. */
function visible(value: string | undefined): string {
  if (value !== undefined && value !== '' && /^[\x20-\x7e]*$/.test(value)) return value
  throw new RevenantError(
    'SECRET_INVALID',
    'the credential of this inventory lacks a field, or has one that is not visible ASCII',
  )
}
