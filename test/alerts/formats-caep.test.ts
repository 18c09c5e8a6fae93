import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import fc from 'fast-check'
import { calculateJwkThumbprint, compactVerify, decodeProtectedHeader, importJWK, jwtVerify } from 'jose'
import { describe, expect, it } from 'vitest'
import { FORMATS } from '../../src/alerts/formats/format.ts'
import { openSigner } from '../../src/alerts/formats/signer.ts'
import type { Alert } from '../../src/domain/alert.ts'
import { FINDING_EVENTS, FINDING_KINDS } from '../../src/domain/finding.ts'
import { ALERT, anyAlert, CONTEXT, FULL_CONTEXT, HOSTILE, hostileAlert, ORPHAN, SIGNING_KEY } from './sample.ts'

const EXAMPLE = new URL('../../../shared/standards/examples/set-caep-credential-change.json', import.meta.url)
const RISK = 'https://schemas.openid.net/secevent/caep/event-type/risk-level-change'
const CHANGE = 'https://schemas.openid.net/secevent/caep/event-type/credential-change'
const OPTIONS = { issuer: 'https://revenant.example.com', audience: 'https://idp.example.com' }

const claimsOf = (alert: Alert, context = FULL_CONTEXT) =>
  JSON.parse(Buffer.from(FORMATS.caep(alert, context).body.split('.')[1] ?? '', 'base64url').toString())

const REFUSED: Alert = {
  ...ALERT,
  event: 'resolved',
  ...(ALERT.evidence === undefined
    ? {}
    : { evidence: { ...ALERT.evidence, verdict: 'rejected', reason: 'invalid_credentials', confirmed: false } }),
  remediation: [],
}

describe('caep', () => {
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()

  it.each([
    ['EdDSA', SIGNING_KEY],
    ['RS256', rsa],
  ] as const)('is signed with %s, verified by jose, and the same in every retry', async (algorithm, privateKey) => {
    const signer = openSigner({ privateKey, ...OPTIONS })
    const { contentType, body } = FORMATS.caep(ALERT, { ...CONTEXT, signer })
    expect(contentType).toBe('application/secevent+jwt')
    expect(FORMATS.caep(ALERT, { ...CONTEXT, signer: openSigner({ privateKey, ...OPTIONS }) }).body).toBe(body)
    const key = await importJWK({ ...signer.publicJwk }, algorithm)
    const { payload } = await jwtVerify(body, key, {
      ...OPTIONS,
      typ: 'secevent+jwt',
      algorithms: [algorithm],
      currentDate: new Date(ALERT.at),
    })
    expect(payload.jti).toBe(ALERT.id)
    expect(decodeProtectedHeader(body)).toEqual({ alg: algorithm, kid: signer.keyId, typ: 'secevent+jwt' })
    expect(signer.keyId).toBe(await calculateJwkThumbprint({ ...signer.publicJwk }))
    const [head, , signature] = body.split('.')
    const forged = `${head}.${Buffer.from(JSON.stringify({ ...payload, jti: 'other' })).toString('base64url')}.${signature}`
    await expect(compactVerify(forged, key)).rejects.toThrow()
  })

  it('is a SET as SSF 1.0 wants it: no sub, no exp, one event', () => {
    fc.assert(
      fc.property(anyAlert, (alert) => {
        const claims = claimsOf(alert)
        expect(Object.keys(claims).sort()).toEqual(['aud', 'events', 'iat', 'iss', 'jti', 'sub_id', 'txn'])
        expect(Object.keys(claims.events).length).toBe(1)
        expect(claims.iat).toBe(Math.floor(Date.parse(alert.at) / 1_000))
        expect(['email', 'opaque']).toContain(claims.sub_id.format)
        expect(claims.sub_id.format === 'email' ? claims.sub_id.email : claims.sub_id.id).not.toBe('')
      }),
      { numRuns: 200 },
    )
  })

  it('speaks of the leaver, and of a risk where a door is open', () => {
    expect(claimsOf(ALERT)).toMatchObject({
      iss: OPTIONS.issuer,
      aud: OPTIONS.audience,
      txn: ALERT.dedupKey,
      sub_id: { format: 'email', email: 'jdoe@example.com' },
      events: { [RISK]: { principal: 'USER', current_level: 'HIGH', risk_reason: 'RESIDUAL_ACCESS' } },
    })
    expect(claimsOf(ORPHAN).sub_id).toEqual({ format: 'opaque', id: 'S-7' })
    const { identity: _i, credential: _c, ...system } = { ...ALERT, finding: { ...ALERT.finding, kind: 'open_system' as const } }
    expect(claimsOf(system)).toMatchObject({
      sub_id: { format: 'opaque', id: 'payroll-db' },
      events: { [RISK]: { principal: 'APPLICATION' } },
    })
  })

  it('says that a credential is revoked only where an answer refused it', () => {
    expect(claimsOf(REFUSED).events).toMatchObject({
      [CHANGE]: { credential_type: 'password', change_type: 'revoke', friendly_name: 'payroll login' },
    })
    // The others end with the first answer that can be judged: too early to call a credential revoked.
    const ended = FINDING_KINDS.filter((kind) => {
      const events = claimsOf({ ...REFUSED, finding: { ...REFUSED.finding, kind } }).events
      expect(Object.keys(events)).toHaveLength(1)
      return CHANGE in events
    })
    expect(ended).toEqual(['residual_access', 'resurrected_access', 'shared_secret_not_rotated', 'handover_overdue'])
    for (const kind of FINDING_KINDS)
      for (const event of FINDING_EVENTS) {
        const { evidence: _e, ...unproven } = { ...ALERT, event, finding: { ...ALERT.finding, kind } }
        for (const alert of [unproven, { ...ALERT, event, finding: { ...ALERT.finding, kind } }])
          expect(Object.keys(claimsOf(alert).events), `${kind} ${event}`).toEqual([RISK])
      }
  })

  it('never lowers a level, since another door of the same person may be open', () => {
    const { evidence: _e, ...closed } = REFUSED
    expect(claimsOf(closed).events[RISK].current_level).toBe('HIGH')
  })

  it.skipIf(!existsSync(EXAMPLE))(
    `has the members of the example (needs ${EXAMPLE.pathname.split('/').slice(-2).join('/')})`,
    () => {
      const example = existsSync(EXAMPLE) ? JSON.parse(readFileSync(EXAMPLE, 'utf8')) : {}
      const claims = claimsOf(REFUSED)
      for (const name of Object.keys(example)) expect(claims, name).toHaveProperty(name)
      const change = claims.events[CHANGE]
      for (const name of Object.keys(example.events[CHANGE]).filter((name) => name !== 'initiating_entity'))
        expect(typeof change[name], name).toBe(typeof example.events[CHANGE][name])
      expect(Object.keys(claims.sub_id)).toEqual(Object.keys(example.sub_id))
    },
  )

  it('stays JSON whatever a name is', () => {
    for (const value of HOSTILE) expect(claimsOf(hostileAlert(value)).jti).toBe(ALERT.id)
  })

  it('refuses to send without a key, and keys whose signatures differ each time, without quoting them', () => {
    expect(() => FORMATS.caep(ALERT, CONTEXT)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }))
    const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
    const weak = generateKeyPairSync('rsa', { modulusLength: 1_024 })
      .privateKey.export({ format: 'pem', type: 'pkcs8' })
      .toString()
    for (const privateKey of [ec, weak, 'mark-5b2c0e6a', '']) {
      let message = ''
      try {
        openSigner({ privateKey, ...OPTIONS })
      } catch (error) {
        if (error instanceof Error) message = error.message
        expect(error).toMatchObject({ code: 'SECRET_INVALID' })
      }
      expect(message).toMatch(/signing key/)
      expect(message).not.toContain('mark-5b2c0e6a')
    }
  })
})
