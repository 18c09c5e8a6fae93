import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ldap } from '../../probes/ldap.ts'
import type { Judgement } from '../../src/domain/answer.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import { replay } from '../conformance/replay.ts'
import { needs } from '../servers/require.ts'
import {
  AD_OLD_PASSWORD,
  AD_PASSWORD,
  DOMAIN_DN,
  LOCKOUT_THRESHOLD,
  REALM,
  SAMBA_FILES,
  type Samba,
  sambaObstacle,
  startSamba,
} from '../servers/samba.ts'
import { withoutUndefined } from './ldap-script.ts'

const obstacle = sambaObstacle() ?? (needs('samba', ...SAMBA_FILES) ? undefined : 'samba')
const named = (title: string) => (obstacle === undefined ? title : `${title}: ${obstacle} is missing`)

describe.skipIf(obstacle !== undefined)(named('a Samba domain controller'), () => {
  let dc: Samba
  beforeAll(async () => {
    dc = await startSamba()
  })
  afterAll(() => dc?.stop())

  const ask = async (secret: Record<string, string>, more: Record<string, unknown> = {}): Promise<Judgement> => {
    const target = { host: dc.host, ca: dc.authority.file, directory: 'active-directory', dn: `{username}@${REALM}`, ...more }
    const bound = anyProbe(ldap).bind(withoutUndefined(target))
    return (await replay(bound, bound.secret(secret))).judgement
  }
  const WRONG = { verdict: 'rejected', reason: 'invalid_credentials', strength: 'strong', wire: { subCode: '52e' } }
  const LOCKED = { verdict: 'inconclusive', reason: 'account_locked', wire: { subCode: '775' } }

  it.each<[string, (dc: Samba) => Record<string, string>, Record<string, unknown>]>([
    ['UPN over LDAPS', () => ({ username: 'alive' }), {}],
    ['UPN over StartTLS', () => ({ username: 'alive' }), { startTls: true }],
    ['UPN unverified', () => ({ username: 'alive' }), { tls: 'insecure', ca: undefined }],
    ['UPN in clear', () => ({ username: 'alive' }), { tls: 'disable', ca: undefined }],
    ['DN by template', () => ({ username: 'alive' }), { dn: `CN={username},CN=Users,${DOMAIN_DN}` }],
    ['DN of the secret', ({ dn }) => ({ dn: dn('alive') }), {}],
    ['DOMAIN\\user', () => ({ dn: 'CORP\\alive' }), {}],
    ['a server of unknown kind', () => ({ username: 'alive' }), { directory: 'generic' }],
  ])('v149 the right password: %s', async (_what, who, more) => {
    expect(await ask({ ...who(dc), password: AD_PASSWORD }, more)).toMatchObject({
      verdict: 'accepted',
      reason: 'authenticated',
      // Samba has no WhoAmI (protocolError); the rootDSE says who is bound.
      wire: { resultCode: 0, whoAmI: 2, sid: expect.stringMatching(/^S-1-5-21-\d+-\d+-\d+-\d+$/) },
    })
  })

  it.each([
    ['v153', 'expired', { verdict: 'rejected', reason: 'account_expired', strength: 'strong', wire: { subCode: '701' } }],
    [
      'v155',
      'must-change',
      { verdict: 'accepted', reason: 'password_change_required', strength: 'strong', wire: { subCode: '773' } },
    ],
    ['v156', 'no-hours', { verdict: 'accepted', reason: 'access_restricted', strength: 'strong', wire: { subCode: '530' } }],
    ['v157', 'elsewhere', { verdict: 'accepted', reason: 'access_restricted', strength: 'strong', wire: { subCode: '531' } }],
    ['', 'password-expired', { verdict: 'accepted', reason: 'password_expired', strength: 'strong', wire: { subCode: '532' } }],
    ['', 'disabled', { verdict: 'rejected', reason: 'account_disabled', strength: 'strong', wire: { subCode: '533' } }],
  ])('%s %s: the right password is told, v150 a wrong one is not', async (_id, username, expected) => {
    expect(await ask({ username, password: AD_PASSWORD })).toMatchObject(expected)
    expect(await ask({ username, password: 'wrong' })).toMatchObject(WRONG)
  })

  it.each([
    ['a name that does not exist', { username: 'revenantnobody' }],
    ['a DN that does not exist', { dn: `CN=revenantnobody,CN=Users,${DOMAIN_DN}` }],
  ])('%s: Samba says 52e, where Windows says 525', async (_what, who) => {
    expect(await ask({ ...who, password: AD_PASSWORD })).toMatchObject(WRONG)
  })

  it.each(['locked', 'locked-disabled'])('v158 %s: locked hides everything else', async (username) => {
    for (let tries = 0; tries < LOCKOUT_THRESHOLD; tries++)
      expect(await ask({ username, password: `wrong ${tries}` })).toMatchObject(WRONG)
    expect(await ask({ username, password: AD_PASSWORD })).toMatchObject(LOCKED)
    expect(await ask({ username, password: 'wrong' })).toMatchObject(LOCKED)
  })

  it('v163 the previous password is accepted for an hour', async () => {
    expect(await ask({ username: 'changed', password: AD_OLD_PASSWORD })).toMatchObject({
      verdict: 'accepted',
      reason: 'authenticated',
    })
  })

  it('one attempt is one wrong try, and a replay of it with a decoy is another', async () => {
    await ask({ username: 'fragile', password: 'wrong' })
    expect(await dc.read('fragile', 'badPwdCount')).toBe('1')
  })

  it('refuses a bare name as it refuses a wrong password, so that none is sent', async () => {
    expect(await ask({ dn: 'alive', password: AD_PASSWORD })).toMatchObject({ verdict: 'inconclusive', reason: 'config_error' })
    expect(await ask({ dn: 'alive', password: AD_PASSWORD }, { directory: 'generic' })).toMatchObject(WRONG)
  })
})

describe.skipIf(obstacle !== undefined)(named("a Samba domain controller in Samba's default"), () => {
  let dc: Samba
  beforeAll(async () => {
    dc = await startSamba({ requireStrongAuth: true })
  })
  afterAll(() => dc?.stop())

  it.each([AD_PASSWORD, 'wrong'])('judges no password in clear (%#)', async (password) => {
    const bound = anyProbe(ldap).bind({ host: dc.host, tls: 'disable', directory: 'active-directory', dn: `{username}@${REALM}` })
    const { judgement } = await replay(bound, bound.secret({ username: 'alive', password }))
    expect(judgement).toMatchObject({ verdict: 'inconclusive', reason: 'tls_required', wire: { resultCode: 8 } })
  })
})
