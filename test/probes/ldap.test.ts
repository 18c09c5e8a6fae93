import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { bindName, escapeValue, strangerDn } from '../../probes/ldap/name.ts'
import { ldap } from '../../probes/ldap.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import { replay } from '../conformance/replay.ts'
import { openScript } from './ldap-script.ts'

const HOST = { host: 'ldap.example' }

describe('target', () => {
  it.each([
    [HOST, 'ldaps://ldap.example:636', 'verified'],
    [{ ...HOST, startTls: true }, 'ldap://ldap.example:389', 'verified'],
    [{ ...HOST, tls: 'insecure' }, 'ldaps://ldap.example:636', 'insecure'],
    [{ ...HOST, tls: 'insecure', startTls: true, servername: 'dc1.example' }, 'ldap://ldap.example:389', 'insecure'],
    [{ ...HOST, tls: 'disable' }, 'ldap://ldap.example:389', 'clear'],
    [{ host: 'LDAP.Example', port: 3269 }, 'ldaps://ldap.example:3269', 'verified'],
    [{ host: '::1' }, 'ldaps://[::1]:636', 'verified'],
  ])('%j is bound to %s and is %s', (target, origin, transport) => {
    const bound = anyProbe(ldap).bind(target)
    expect(bound.origin).toBe(origin)
    expect(bound.transport).toBe(transport)
  })

  it.each([
    [{}, 'host'],
    [{ host: '' }, 'host'],
    [{ host: 'a b' }, 'host'],
    [{ ...HOST, port: 0 }, 'port'],
    [{ ...HOST, tls: 'off' }, 'tls'],
    [{ ...HOST, tls: 'disable', startTls: true }, 'startTls'],
    [{ ...HOST, tls: 'disable', servername: 'x' }, 'servername'],
    [{ ...HOST, tls: 'insecure', ca: 'ca.pem' }, 'ca'],
    [{ ...HOST, dn: 'uid=jdoe,dc=example' }, 'dn'],
    [{ ...HOST, directory: 'ad' }, 'directory'],
    [{ ...HOST, tellsLocks: true }, 'tellsLocks'],
  ])('refuses %j for its %s', (target, field) => {
    const parsed = ldap.target.safeParse(target)
    expect(parsed.error?.issues.map(({ path }) => path[0])).toEqual([field])
  })

  it('has a JSON Schema', () => {
    expect(z.toJSONSchema(ldap.target, { io: 'input' })).toMatchObject({ required: ['host'], additionalProperties: false })
  })
})

describe('secret', () => {
  it.each([
    ['an empty password: it would bind anonymously (v132, v161)', { username: 'jdoe', password: '' }],
    ['an empty password beside a DN (v131)', { dn: 'uid=jdoe', password: '' }],
    ['an empty username', { username: '', password: 'x' }],
    ['a blank username', { username: ' \t', password: 'x' }],
    ['an empty DN: it would bind anonymously (v133)', { dn: '', password: 'x' }],
    ['a blank DN', { dn: ' ', password: 'x' }],
    ['a username and a DN', { username: 'jdoe', dn: 'uid=jdoe', password: 'x' }],
    ['half a surrogate pair, which would be sent as another password', { username: 'jdoe', password: 'a\ud800' }],
  ])('refuses %s', (_what, secret) => {
    expect(ldap.secret.safeParse(secret).success).toBe(false)
  })

  it('takes blanks for the password that they are', () => {
    expect(ldap.secret.parse({ dn: 'uid=jdoe', password: ' ' })).toEqual({ dn: 'uid=jdoe', password: ' ' })
  })

  it.each([
    [{ username: ' JDoe', password: 'x' }, 'jdoe'],
    [{ dn: 'UID=JDoe,DC=Example', password: 'x' }, 'uid=jdoe,dc=example'],
  ])('%j counts against %s', (secret, account) => {
    expect(ldap.account(secret)).toBe(account)
  })
})

describe('decoys', () => {
  it.each([
    [{ username: 'jdoe', password: 'x' }, /^\{"username":"revenant[0-9a-f]{12}","password":"[\w-]{24}"\}$/],
    [{ dn: 'uid=jdoe,dc=example', password: 'x' }, /^\{"dn":"uid=revenant[0-9a-f]{12},dc=example","password":"[\w-]{24}"\}$/],
  ])('a stranger beside %j has its shape', (secret, shape) => {
    const made = [ldap.decoy(secret, 'stranger'), ldap.decoy(secret, 'stranger')].map((one) => JSON.stringify(one))
    expect(made[0]).toMatch(shape)
    expect(made[0]).not.toBe(made[1])
    expect(ldap.decoy(secret, 'nobody')).toBeUndefined()
    expect(ldap.decoy(secret, 'same-principal')).toMatchObject({ ...secret, password: expect.stringMatching(/^[\w-]{24}$/) })
  })

  it.each([
    ['uid=jdoe,ou=people,dc=example', /^uid=revenant\w{12},ou=people,dc=example$/],
    ['cn=Doe\\, Jane,ou=people', /^cn=revenant\w{12},ou=people$/],
    ['cn="Doe, Jane",ou=people', /^cn=revenant\w{12},ou=people$/],
    [' cn = Jane+uid=jdoe,ou=people', /^cn=revenant\w{12},ou=people$/],
    ['2.5.4.3=Jane,ou=people', /^2\.5\.4\.3=revenant\w{12},ou=people$/],
    ['jdoe@corp.example', /^revenant\w{12}@corp\.example$/],
    ['CORP\\jdoe', /^CORP\\revenant\w{12}$/],
    ['jdoe', /^revenant\w{12}$/],
  ])('the stranger beside %s stays in its place', (dn, shape) => {
    expect(strangerDn(dn)).toMatch(shape)
  })
})

describe('names', () => {
  it.each([
    ['jdoe', 'jdoe'],
    ['Doe, Jane', 'Doe\\, Jane'],
    ['x,ou=admins', 'x\\,ou\\=admins'],
    ['a"+,;<=>\\b', 'a\\"\\+\\,\\;\\<\\=\\>\\\\b'],
    ['#1#', '\\#1#'],
    [' a ', '\\ a\\ '],
    [' ', '\\ '],
    ['a\\ ', 'a\\\\\\ '],
    ['  ', '\\ \\ '],
    ['a\0b', 'a\\00b'],
    ['$& é', '$& é'],
  ])('%j is escaped to %j in a DN', (value, escaped) => {
    expect(escapeValue(value)).toBe(escaped)
  })

  it('escapes so that an RFC 4514 reader gets the value back, whatever it is', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: fc.constantFrom(...' #"+,;<=>\\\0$&aé😀') }), (value) => {
        expect(readValue(escapeValue(value))).toBe(value)
      }),
    )
  })

  it.each([
    ['uid={username},ou={username}', 'a,b', 'uid=a\\,b,ou=a\\,b'],
    ['{username}@corp.example', "o'hara, j", "o'hara, j@corp.example"],
    ['CORP\\{username}', '$&', 'CORP\\$&'],
  ])('%s takes %s as %s', (template, username, name) => {
    expect(bindName(template, { username, password: 'x' })).toBe(name)
    expect(bindName(template, { dn: 'cn=as it is', password: 'x' })).toBe('cn=as it is')
  })
})

describe('what is wrong on our side is found before a connection is made (v702)', () => {
  it.each([
    ['a username without a template', {}, { username: 'jdoe', password: 'x' }, 'dn'],
    ['a bare name for Active Directory', { directory: 'active-directory' }, { dn: 'jdoe', password: 'x' }, 'domain'],
    ['a CA file that is not there', { tls: 'verify', ca: '/nonexistent/ca.pem' }, { dn: 'uid=jdoe', password: 'x' }, 'ca'],
  ])('%s', async (_what, more, secret, missing) => {
    const server = await openScript(() => [])
    try {
      const bound = anyProbe(ldap).bind({ host: '127.0.0.1', port: server.port, tls: 'disable', ...more })
      const { judgement } = await replay(bound, bound.secret(secret))
      expect(judgement).toEqual({ verdict: 'inconclusive', reason: 'config_error', strength: 'strong', wire: { missing } })
      expect(server.accepted()).toBe(0)
    } finally {
      await server.stop()
    }
  })
})

/** Reads an attribute value by the grammar of RFC 4514 §3; fails on what must not stand there unescaped. */
function readValue(text: string): string {
  let value = ''
  for (let at = 0; at < text.length; ) {
    const char = text.charAt(at)
    if (char !== '\\') {
      const isEdge = at === 0 || at === text.length - 1
      if ('"+,;<>\0'.includes(char) || (isEdge && char === ' ') || (at === 0 && char === '#')) throw new Error(`bare ${char}`)
      value += char
      at += 1
      continue
    }
    const hex = /^[0-9a-f]{2}/i.exec(text.slice(at + 1))
    value += hex === null ? text.charAt(at + 1) : String.fromCharCode(Number.parseInt(hex[0], 16))
    at += hex === null ? 2 : 3
  }
  return value
}
