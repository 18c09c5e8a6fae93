import { describe, expect, it } from 'vitest'
import { loadProbe } from '../../probes/registry.ts'
import { budgetAccount, NAMELESS } from '../../src/scan/account.ts'

/** One leaver's account in one directory, as each protocol spells it: one lock there, so one budget here. */
const TARGETS: Record<string, unknown> = {
  ldap: { host: 'dc1.corp.example', directory: 'active-directory', dn: '{username}@corp.example' },
  ssh: { host: 'bastion.corp.example', hostKey: `SHA256:${'A'.repeat(43)}` },
  postgres: { host: 'db.corp.example', database: 'payroll' },
  http: {
    url: 'https://wiki.corp.example/me',
    credential: 'basic',
    accept: [{ when: { status: 200, json: { '/name': { type: 'string' } } } }],
  },
}

const ANNA: [probe: string, secret: Record<string, string>, principal?: string][] = [
  ['ldap', { username: 'anna', password: 'x' }],
  ['ldap', { username: 'Anna ', password: 'x' }],
  ['ldap', { dn: 'uid=anna,ou=people,dc=corp,dc=example', password: 'x' }],
  ['ldap', { dn: 'UID = Anna , OU=People', password: 'x' }],
  ['ldap', { dn: 'userid=\\61nna,ou=people', password: 'x' }],
  ['ldap', { dn: 'sAMAccountName=anna,ou=people', password: 'x' }],
  ['ldap', { dn: 'anna@corp.example', password: 'x' }],
  ['ldap', { dn: 'CORP\\Anna', password: 'x' }],
  ['ldap', { dn: 'CORP\\anna@corp.example', password: 'x' }],
  ['ldap', { dn: 'cn=Anna Smith,ou=people,dc=corp,dc=example', password: 'x' }, 'anna'],
  ['ldap', { dn: 'cn=Anna Smith,ou=people,dc=corp,dc=example', password: 'x' }, 'CORP\\ANNA'],
  ['ldap', { dn: 'cn=Anna Smith,ou=people,dc=corp,dc=example', password: 'x' }, 'uid=anna,ou=people'],
  ['ssh', { username: 'anna', password: 'x' }],
  ['ssh', { username: 'CORP\\anna', password: 'x' }],
  ['ssh', { username: 'anna@corp.example', password: 'x' }],
  ['postgres', { username: 'Anna', password: 'x' }],
  ['http', { username: 'anna@CORP.example', password: 'x' }],
  ['http', { username: 'ANNA', password: 'x' }, 'Anna Smith'],
]

async function secretOf(probe: string, secret: Record<string, string>) {
  return (await loadProbe(probe)).bind(TARGETS[probe]).secret(secret)
}

describe('the account of a lockout budget', () => {
  it.each(ANNA)('in a realm is one for every spelling: %s %o %s', async (probe, secret, principal) => {
    const { account } = await secretOf(probe, secret)
    expect(budgetAccount({ sharesRealm: true }, account, principal)).toBe('anna')
  })

  it.each(ANNA)('is the same for a decoy that confirms: %s %o', async (probe, secret, principal) => {
    const decoy = (await secretOf(probe, secret)).decoy('same-principal')
    expect(decoy).toBeDefined()
    expect(budgetAccount({ sharesRealm: true }, decoy?.account, principal)).toBe('anna')
  })

  it.each([
    ['cn=Anna Smith,ou=people', undefined],
    ['cn=Anna Smith,ou=people', 'cn=Anna Smith,ou=people'],
    ['cn=anna+uid=anna,ou=people', undefined],
    ['uid=,ou=people', undefined],
    ['@corp.example', undefined],
  ])('in a realm cannot be told from %s and %s', (account, principal) => {
    expect(budgetAccount({ sharesRealm: true }, account, principal)).toBe(NAMELESS)
  })

  it.each([
    ['cn=Anna Smith,OU=people', 'cn=anna smith,ou=people'],
    ['anna@one.example', 'anna@one.example'],
    ['Anna', 'anna'],
  ])('of a system alone is its own form, without case: %s', (account, key) => {
    expect(budgetAccount({ sharesRealm: false }, account, undefined)).toBe(key)
  })

  it('is nobody where no wrong try can lock anyone', async () => {
    for (const sharesRealm of [true, false]) {
      expect(budgetAccount({ sharesRealm }, undefined, 'anna')).toBeUndefined()
      const { account } = (await loadProbe('http')).bind({ ...Object(TARGETS.http), credential: 'bearer' }).secret({ token: 't' })
      expect(budgetAccount({ sharesRealm }, account, 'anna')).toBeUndefined()
    }
  })
})
