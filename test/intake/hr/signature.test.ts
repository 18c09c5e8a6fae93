import { createHmac } from 'node:crypto'
import fc from 'fast-check'
import { Webhook } from 'standardwebhooks'
import { describe, expect, it } from 'vitest'
import { PRESETS } from '../../../src/intake/hr/presets.ts'
import { signatureSchema, verifySignature } from '../../../src/intake/hr/signature.ts'

const NOW = Temporal.Instant.from('2026-11-22T12:00:00Z')
const SECONDS = String(NOW.epochMilliseconds / 1_000)
const BODY = Buffer.from('{"type":"employee.left"}')
const request = (headers: Record<string, string>, body = BODY) => ({
  body,
  header: (name: string) => headers[name.toLowerCase()],
})

describe('signatures of webhooks', () => {
  it('verifies what BambooHR signs: body, then timestamp', () => {
    const { signature } = PRESETS.bamboohr
    const good = createHmac('sha256', 'key').update(BODY).update(SECONDS).digest('hex')
    const headers = { 'x-bamboohr-signature': good, 'x-bamboohr-timestamp': SECONDS }
    expect(verifySignature(signature, ['other', 'key'], request(headers), NOW)).toMatchObject({ is: 'good' })
    expect(verifySignature(signature, ['key'], request(headers), NOW.add({ minutes: 6 }))).toEqual({ is: 'stale' })
    expect(verifySignature(signature, ['key'], request(headers), NOW.subtract({ minutes: 6 }))).toEqual({ is: 'stale' })
    const wrong: [Record<string, string>, string[]][] = [
      [headers, []],
      [headers, ['other']],
      [{ ...headers, 'x-bamboohr-timestamp': String(Number(SECONDS) + 1) }, ['key']],
      [{ 'x-bamboohr-signature': good }, ['key']],
      [{ 'x-bamboohr-timestamp': SECONDS }, ['key']],
      [{ ...headers, 'x-bamboohr-signature': good.slice(2) }, ['key']],
      [{ ...headers, 'x-bamboohr-signature': '' }, ['key']],
    ]
    for (const [given, secrets] of wrong) expect(verifySignature(signature, secrets, request(given), NOW)).toEqual({ is: 'bad' })
  })

  it('verifies what HiBob signs: the body, SHA-512 in base64', () => {
    const good = createHmac('sha512', 'key').update(BODY).digest('base64')
    const { signature } = PRESETS.hibob
    expect(verifySignature(signature, ['key'], request({ 'bob-signature': good }), NOW)).toMatchObject({ is: 'good' })
    expect(verifySignature(signature, ['key'], request({ 'bob-signature': good }, Buffer.from('x')), NOW)).toEqual({ is: 'bad' })
  })

  it('verifies Standard Webhooks, as their own library signs them', () => {
    const secret = `whsec_${Buffer.alloc(32, 7).toString('base64')}`
    const scheme = signatureSchema.parse({
      ...{ header: 'webhook-signature', encoding: 'base64', prefix: 'v1,', signs: '{id}.{timestamp}.{body}' },
      ...{ id: 'webhook-id', timestamp: 'webhook-timestamp', secret: 'base64' },
    })
    const signed = new Webhook(secret).sign('msg_1', new Date(NOW.epochMilliseconds), BODY.toString())
    const headers = { 'webhook-id': 'msg_1', 'webhook-timestamp': SECONDS, 'webhook-signature': `v1,AAAA ${signed}` }
    const first = verifySignature(scheme, [secret], request(headers), NOW)
    expect(first).toMatchObject({ is: 'good' })
    // The same event, sent again later: another signature, one key.
    const again = new Webhook(secret).sign('msg_1', new Date(NOW.epochMilliseconds + 60_000), BODY.toString())
    const later = { ...headers, 'webhook-timestamp': String(Number(SECONDS) + 60), 'webhook-signature': again }
    expect(verifySignature(scheme, [secret], request(later), NOW)).toEqual(first)
  })

  it.each([
    [{ signs: 'x' }, 'must hold {body} once'],
    [{ timestamp: 'x-time' }, 'what is not signed proves nothing'],
    [{ signs: '{timestamp}.{body}' }, 'what is not signed proves nothing'],
    [{ id: 'x-id' }, 'what is not signed proves nothing'],
    [{ header: 'x y' }, 'must be the name of a header'],
  ])('refuses %j', (more, message) => {
    const { error } = signatureSchema.safeParse({ header: 'x-signature', ...more })
    expect(error?.issues.map((issue) => issue.message).join()).toContain(message)
  })

  it('lets nothing pass that was not signed', () => {
    const scheme = signatureSchema.parse({ header: 'x-s', prefix: 'sha256=' })
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.stringMatching(/^sha256=[0-9a-f]{64}$/)), fc.uint8Array(), (signature, body) => {
        expect(verifySignature(scheme, ['key'], request({ 'x-s': signature }, Buffer.from(body)), NOW).is).toBe('bad')
      }),
    )
  })
})
