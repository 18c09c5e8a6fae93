import { createPrivateKey, type KeyObject } from 'node:crypto'
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
  /** Fields of the credential that it needs. */
  readonly fields: readonly string[]
  /** Where a token is had, where one is needed: the credential goes there too. */
  readonly tokenOrigin: (scope: AdminScope) => string | undefined
  /**
   * What carries it. Throws `TokenRefusedError` where there is none to be had, and `SECRET_INVALID` where the credential does not fit.
   */
  carried(scope: AdminScope, send: Send, attribution: string): Promise<Carried>
}

/** What every request carries. */
export interface Carried {
  header: readonly [name: string, value: string]
  /** What the answer that gave a token says; undefined: none was bought. */
  granted?: unknown
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
const token = z.string().min(1).max(16_384)
const granted = z.union([z.object({ access_token: token }), z.object({ token })])
const APP_JWT_LIVES_S = 300

export function compileAuth(auth: InventoryAuth): InventoryAuthenticator {
  const texts = Object.values(auth).filter((value) => typeof value === 'string')
  const used = texts.flatMap((text) => AUTH_TEMPLATES.compile(text).references)
  const fields = [...new Set(used.flatMap(({ section, name }) => (section === 'secret' ? [name] : [])))]
  return { fields, ...compileKind(auth) }
}

type Kind = Omit<InventoryAuthenticator, 'fields'>

function compileKind(auth: InventoryAuth): Kind {
  const none = () => undefined
  switch (auth.kind) {
    case 'header': {
      const value = AUTH_TEMPLATES.compile(auth.value)
      return { tokenOrigin: none, carried: async (scope) => ({ header: [auth.name, visible(value.render(scope))] }) }
    }
    case 'basic': {
      const [name, password] = [AUTH_TEMPLATES.compile(auth.username), AUTH_TEMPLATES.compile(auth.password)]
      return {
        tokenOrigin: none,
        carried: async (scope) => {
          const pair = `${visible(name.render(scope))}:${visible(password.render(scope))}`
          return { header: ['authorization', `Basic ${Buffer.from(pair).toString('base64')}`] }
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
    case 'app_installation':
      return withToken(auth.tokenUrl, async (scope) => ({ jwt: await appJwtOf(auth, scope) }))
  }
}

function withToken(address: string, form: (scope: AdminScope, tokenUrl: string) => Promise<Record<string, string>>): Kind {
  const template = AUTH_TEMPLATES.compile(address)
  const urlOf = (scope: AdminScope) => URL.parse(template.render(scope, encodeIfNeeded) ?? '') ?? undefined
  return {
    tokenOrigin: (scope) => urlOf(scope)?.origin,
    carried: async (scope, send, attribution) => {
      const url = urlOf(scope)
      if (url === undefined) throw new RevenantError('CONFIG_INVALID', 'the target names no address for tokens')
      const { jwt, ...fields } = await form(scope, url.href)
      const answer = await send({
        ...{ origin: url.origin, path: url.pathname, bare: url.pathname, method: 'POST' },
        headers: [
          ...['user-agent', attribution, 'accept', 'application/json'],
          ...(jwt === undefined ? ['content-type', 'application/x-www-form-urlencoded'] : ['authorization', `Bearer ${jwt}`]),
        ],
        ...(jwt === undefined ? { body: new URLSearchParams(fields).toString() } : {}),
      })
      const given = answer.status === 200 || answer.status === 201 ? granted.safeParse(answer.json()).data : undefined
      if (given === undefined) throw new TokenRefusedError(answer)
      return {
        header: ['authorization', `Bearer ${visible('token' in given ? given.token : given.access_token)}`],
        granted: answer.json(),
      }
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
  const email = partOf(auth.email, scope)
  const now = Math.floor(Date.now() / 1_000)
  const { SignJWT } = await import('jose')
  return new SignJWT({ scope: auth.scopes.join(' ') })
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(email)
    .setSubject(partOf(auth.subject, scope))
    .setAudience(tokenUrl)
    .setIssuedAt(now)
    .setExpirationTime(now + TOKEN_LIVES_S)
    .sign(keyOf(partOf(auth.privateKey, scope)))
}

/** Issued a minute ago, as GitHub advises: clocks differ. */
async function appJwtOf(auth: Extract<InventoryAuth, { kind: 'app_installation' }>, scope: AdminScope): Promise<string> {
  const now = Math.floor(Date.now() / 1_000)
  const { SignJWT } = await import('jose')
  return new SignJWT({})
    .setProtectedHeader({ alg: 'RS256', typ: 'JWT' })
    .setIssuer(partOf(auth.issuer, scope))
    .setIssuedAt(now - 60)
    .setExpirationTime(now + APP_JWT_LIVES_S)
    .sign(keyOf(partOf(auth.privateKey, scope)))
}

function partOf(text: string, scope: AdminScope): string {
  const value = AUTH_TEMPLATES.compile(text).render(scope)
  if (value === undefined) throw new RevenantError('SECRET_INVALID', 'the credential of this inventory lacks a field')
  return value
}

/** PKCS #8 or PKCS #1, in PEM. */
function keyOf(pem: string): KeyObject {
  try {
    return createPrivateKey(pem)
  } catch {
    // Its own message may quote the key.
    throw new RevenantError('SECRET_INVALID', 'the private key of this inventory is no RSA key in PEM')
  }
}

/** What may stand in a header: a line break would end it and begin another. */
function visible(value: string | undefined): string {
  if (value !== undefined && value !== '' && /^[\x20-\x7e]*$/.test(value)) return value
  throw new RevenantError(
    'SECRET_INVALID',
    'the credential of this inventory lacks a field, or has one that is not visible ASCII',
  )
}
