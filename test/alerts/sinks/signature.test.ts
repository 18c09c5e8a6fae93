import { generateKeyPairSync, verify } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { retryAfterMs } from '../../../src/alerts/webhook/retry-after.ts'
import { sign, signingKeys } from '../../../src/alerts/webhook/signature.ts'

// The vector of the Standard Webhooks repository (javascript/src/webhook.test.ts).
const VECTOR = {
  secret: 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw',
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1_614_265_330,
  payload: '{"test": 2432232314}',
  signature: 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=',
}
// The vector of the Svix server (test_asymmetric_key_signing) over the same message; its signature is the example of the specification,
// "Webhook headers".
const ASYMMETRIC = {
  secret: 'whsk_6Xb/dCcHpPea21PS1N9VY/NZW723CEc77N4rJCubMbfVKIDij2HKpMKkioLlX0dRqSKJp4AJ6p9lMicMFs6Kvg==',
  publicKey: '1SiA4o9hyqTCpIqC5V9HUakiiaeACeqfZTInDBbOir4=',
  signature: 'v1a,hnO3f9T8Ytu9HwrXslvumlUpqtNVqkhqw/enGzPCXe5BdqzCInXqYXFymVJaA7AZdpXwVLPo3mNl8EM+m7TBAg==',
}
const SEED = Buffer.from(ASYMMETRIC.secret.slice(5), 'base64').subarray(0, 32)
const SHARED = new URL('../../../../shared/standards/examples/standard-webhooks-vector.json', import.meta.url)

describe('sign', () => {
  it('gives the signature of the vector', () => {
    expect(sign(signingKeys(VECTOR.secret), VECTOR.id, VECTOR.timestamp, VECTOR.payload)).toBe(VECTOR.signature)
  })

  it.skipIf(!existsSync(SHARED))('gives the signature of standard-webhooks-vector.json (needs the shared standards)', () => {
    const field = z.string()
    const shared = z
      .object({ secret: field, 'webhook-id': field, 'webhook-timestamp': field, payload: field, 'webhook-signature': field })
      .parse(JSON.parse(readFileSync(SHARED, 'utf8')))
    const signed = sign(signingKeys(shared.secret), shared['webhook-id'], Number(shared['webhook-timestamp']), shared.payload)
    expect(signed).toBe(shared['webhook-signature'])
  })

  it.each([
    ['private and public key', ASYMMETRIC.secret],
    ['the seed alone', `whsk_${SEED.toString('base64')}`],
  ])('gives the asymmetric signature of the vector, with %s', (_, secret) => {
    expect(sign(signingKeys(secret), VECTOR.id, VECTOR.timestamp, VECTOR.payload)).toBe(ASYMMETRIC.signature)
  })

  it('makes asymmetric signatures that the public key verifies', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ed25519')
    const seed = privateKey.export({ format: 'der', type: 'pkcs8' }).subarray(-32)
    const signed = sign(signingKeys(`whsk_${seed.toString('base64')}`), 'a', 7, '{}')
    const bytes = Buffer.from(signed.replace('v1a,', ''), 'base64')
    expect(verify(null, Buffer.from('a.7.{}'), publicKey, bytes)).toBe(true)
    expect(verify(null, Buffer.from('a.7.{ }'), publicKey, bytes)).toBe(false)
  })

  it('signs with keys of both kinds while one replaces the other, in their order', () => {
    const signed = sign(signingKeys(`${ASYMMETRIC.secret}\n${VECTOR.secret} `), VECTOR.id, VECTOR.timestamp, VECTOR.payload)
    expect(signed).toBe(`${ASYMMETRIC.signature} ${VECTOR.signature}`)
    const now = Math.floor(Date.now() / 1_000)
    const headers = {
      'webhook-id': 'a',
      'webhook-timestamp': String(now),
      'webhook-signature': sign(signingKeys(`${ASYMMETRIC.secret} ${VECTOR.secret}`), 'a', now, '{}'),
    }
    expect(new Webhook(VECTOR.secret).verify('{}', headers), 'libraries that know v1 alone pass over the other').toEqual({})
  })

  it('signs with every key while one replaces another, and either verifies', () => {
    const other = `whsec_${Buffer.alloc(64, 7).toString('base64')}`
    const now = Math.floor(Date.now() / 1_000)
    const headers = {
      'webhook-id': 'a',
      'webhook-timestamp': String(now),
      'webhook-signature': sign(signingKeys(`${VECTOR.secret} ${other}`), 'a', now, '{}'),
    }
    expect(new Webhook(VECTOR.secret).verify('{}', headers)).toEqual({})
    expect(new Webhook(other).verify('{}', headers)).toEqual({})
    expect(() => new Webhook(other).verify('{ }', headers)).toThrow()
  })

  it.each([
    ['empty', ''],
    ['no prefix', VECTOR.secret.slice(6)],
    ['23 bytes', `whsec_${Buffer.alloc(23).toString('base64')}`],
    ['65 bytes', `whsec_${Buffer.alloc(65).toString('base64')}`],
    ['no base64', 'whsec_MARKEDSECRET!MARKEDSECRETMARKEDSECRET'],
    ['a half base64', `whsec_${'A'.repeat(33)}`],
    ['31 bytes of an Ed25519 key', `whsk_${Buffer.alloc(31).toString('base64')}`],
    ['48 bytes of an Ed25519 key', `whsk_${Buffer.alloc(48).toString('base64')}`],
    ['the public half of another key', `whsk_${Buffer.concat([SEED, Buffer.alloc(32, 1)]).toString('base64')}`],
    ['a public key', `whpk_${ASYMMETRIC.publicKey}`],
    ['a good and a bad one', `${VECTOR.secret} whsec_MARKEDSECRET`],
  ])('refuses a secret with %s and does not quote it', (_, secret) => {
    const fail = () => signingKeys(secret)
    expect(fail).toThrow(expect.objectContaining({ code: 'SECRET_INVALID' }))
    expect(fail).not.toThrow(/MARKEDSECRET/)
  })
})

describe('retryAfterMs', () => {
  const now = Temporal.Instant.from('2026-11-22T06:00:00Z')
  it.each([
    ['30', 30_000],
    [' 30 ', 30_000],
    ['Sun, 22 Nov 2026 06:02:00 GMT', 120_000],
    ['Sun, 22 Nov 2026 05:00:00 GMT', undefined],
    ['0', undefined],
    ['-5', undefined],
    ['soon', undefined],
    ['999999999999', 86_400_000],
    ['', undefined],
    [undefined, undefined],
    [['7', '8'], 7_000],
  ])('reads %j as %j', (header, ms) => {
    expect(retryAfterMs(header, now)).toBe(ms)
  })
})
