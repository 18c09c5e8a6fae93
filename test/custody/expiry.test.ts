import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SignJWT } from 'jose'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { datesOf } from '../../src/custody/expiry.ts'
import { type Authority, makeAuthority } from '../servers/certificates.ts'
import { needs } from '../servers/require.ts'

const END = '2027-03-01T12:00:00Z'
const jwt = (claims: Record<string, unknown>) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(new Uint8Array(32).fill(7))
const at = (instant: string) => Temporal.Instant.from(instant).epochMilliseconds / 1_000
const endOf = async (secret: Record<string, string>) => (await datesOf(secret)).expiresAt?.toString() ?? 'none'

describe('the date that a secret tells of itself', () => {
  let authority: Authority
  let certificate: { key: string; cert: string }
  beforeAll(async () => {
    authority = await makeAuthority()
    certificate = await authority.issue(['anna'], { notBefore: new Date('2026-01-01'), notAfter: new Date(END) })
  })
  afterAll(() => authority.remove())

  it('is the exp of a JWT, down to the second or finer', async () => {
    expect(await endOf({ token: await jwt({ exp: at(END) }) })).toBe(END)
    expect(await endOf({ token: ` ${await jwt({ exp: at(END) + 0.25 })}\n` })).toBe('2027-03-01T12:00:00.25Z')
    expect(await endOf({ username: 'anna', token: await jwt({ exp: at(END) }) })).toBe(END)
  })

  it('is the end of a certificate: the first of a chain, whatever key stands beside it', async () => {
    const { cert, key } = certificate
    expect(await endOf({ certificate: cert })).toBe(END)
    expect(await endOf({ certificate: `${cert.trim()}\n${authority.cert}`, privateKey: key, passphrase: 'x' })).toBe(END)
  })

  it('is the last of several, and none where something beside it may outlive it', async () => {
    const [early, late] = [await jwt({ exp: at(END) - 60 }), await jwt({ exp: at(END) })]
    expect(await endOf({ id_token: early, access_token: late })).toBe(END)
    expect(await endOf({ access_token: early, refresh_token: 'opaque' })).toBe('none')
    expect(await endOf({ token: late, password: 'hunter2' })).toBe('none')
  })

  it('is none where there is none to read', async () => {
    const other = await jwt({})
    const dots = 'ab.cd.ef'
    for (const token of [
      other,
      await jwt({ exp: 'soon' }),
      await jwt({ exp: -5 }),
      await jwt({ exp: 1e15 }),
      dots,
      'db.internal.example',
    ])
      expect(await endOf({ token })).toBe('none')
    const cut = certificate.cert.slice(0, 200)
    expect(await endOf({ certificate: cut })).toBe('none')
    expect(await endOf({ privateKey: certificate.key })).toBe('none')
    const never = await authority.issue(['x'], { notBefore: new Date('2026-01-01'), notAfter: new Date('9999-12-31T23:59:59Z') })
    expect(await endOf({ certificate: never.cert })).toBe('none')
  })

  it.each([
    ['an AWS user', { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'x' }, true],
    ['a temporary AWS key, which is none of a user', { accessKeyId: 'ASIAIOSFODNN7EXAMPLE', secretAccessKey: 'x' }, false],
    ['a key file of Google Cloud', { keyFile: '{"type": "service_account", "private_key_id": "a"}' }, true],
    ['any other JSON', { keyFile: '{"type": "authorized_user"}' }, false],
  ])('of cloud keys, %s', async (_name, secret, isCloudKey) => {
    expect(await datesOf(secret)).toEqual({ expiresAt: undefined, isCloudKey })
  })

  const installed = needs('openssh-client', '/usr/bin/ssh-keygen')
  it.skipIf(!installed)('is the validity of an OpenSSH certificate, of every kind that ssh-keygen makes here', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'revenant-cert-'))
    const keygen = (...args: string[]) =>
      execFileSync('ssh-keygen', ['-q', ...args], { cwd: folder, env: { ...process.env, TZ: 'UTC' } })
    try {
      keygen('-t', 'ed25519', '-N', '', '-f', 'ca')
      for (const [type, validity, end] of [
        ['ed25519', '20260101:20270301120000', END],
        ['ecdsa', '20260101:20270301120000', END],
        ['rsa', '20260101:20270301120000', END],
        ['ed25519', 'always:forever', 'none'],
      ] as const) {
        rmSync(join(folder, 'user'), { force: true })
        keygen('-t', type, '-N', '', '-f', 'user')
        keygen('-s', 'ca', '-I', 'anna', '-n', 'anna', '-V', validity, 'user.pub')
        const line = readFileSync(join(folder, 'user-cert.pub'), 'utf8')
        const privateKey = readFileSync(join(folder, 'user'), 'utf8')
        expect([type, await endOf({ username: 'anna', privateKey, certificate: line })]).toEqual([type, end])
        const [kind = '', base64 = ''] = line.split(' ')
        expect(await endOf({ certificate: `${kind} ${base64.slice(0, 80)}` })).toBe('none')
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  })
})
