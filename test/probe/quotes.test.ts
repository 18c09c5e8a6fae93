import { describe, expect, it } from 'vitest'
import type { Answer } from '../../src/probe/probe.ts'
import { withoutQuotes } from '../../src/probe/quotes.ts'

const TOKEN = 'hunter2-Marked+Token/of/Anna=='
const PASSWORD = 'hunter2 pass'
const answer = (principal: string | undefined, wire: Answer['wire'] = { status: 200 }): Answer => ({
  verdict: 'accepted',
  reason: 'authenticated',
  strength: 'strong',
  wire,
  ...(principal === undefined ? {} : { principal }),
})
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('an answer that quotes the secret', () => {
  it.each([
    ['as it stands', TOKEN],
    ['inside a longer name', `user:${TOKEN}`],
    ['in part', TOKEN.slice(3, 20)],
    ['in base64', base64(TOKEN)],
    ['in base64 behind a user', base64(`anna:${TOKEN}`)],
    ['in base64 behind another user', base64(`an:${TOKEN}`)],
    ['in base64url', Buffer.from(TOKEN).toString('base64url')],
    ['in hexadecimal', Buffer.from(TOKEN).toString('hex')],
    ['in capital hexadecimal', Buffer.from(TOKEN).toString('hex').toUpperCase()],
    ['percent-encoded', encodeURIComponent(TOKEN)],
  ])('names nobody when it names the token %s', (_name, principal) => {
    const { principal: told, ...rest } = withoutQuotes(answer(principal), { token: TOKEN })
    expect(told).toBeUndefined()
    expect(rest).toEqual(answer(undefined))
  })

  it('loses the facts that quote it and keeps the others', () => {
    const wire = { status: 401, code: TOKEN, error: 'invalid_token', sqlstate: '28P01', body: base64(TOKEN) }
    expect(withoutQuotes(answer('anna', wire), { token: TOKEN })).toEqual(
      answer('anna', { status: 401, error: 'invalid_token', sqlstate: '28P01' }),
    )
  })

  it.each([
    ['anna', { username: 'anna', password: PASSWORD }],
    ['Anna', { username: 'anna', password: 'anna' }],
    ['uid=anna,ou=people,dc=example,dc=com', { dn: 'uid=anna,ou=people,dc=example,dc=com', password: PASSWORD }],
    ['anna@example.com', { token: TOKEN }],
    ['someone-quite-different', { username: 'anna', password: PASSWORD }],
    ['abc', { username: 'anna', password: 'abc' }],
    ['%zz of a name', { token: TOKEN }],
  ])('keeps %s, who is no secret', (principal, secret) => {
    expect(withoutQuotes(answer(principal), secret)).toEqual(answer(principal))
  })

  it('drops a short password that a name holds whole', () => {
    expect(withoutQuotes(answer(`user=${PASSWORD}`), { username: 'anna', password: PASSWORD }).principal).toBeUndefined()
    expect(withoutQuotes(answer('u:secret'), { username: 'anna', password: 'secret' }).principal).toBeUndefined()
  })
})
