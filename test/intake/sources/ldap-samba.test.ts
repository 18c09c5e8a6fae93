import { Attribute, Change } from 'ldapts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { needs } from '../../servers/require.ts'
import {
  ADMIN_PASSWORD,
  asAdministrator,
  DOMAIN_DN,
  REALM,
  SAMBA_FILES,
  type Samba,
  sambaObstacle,
  startSamba,
} from '../../servers/samba.ts'
import { STORES, type TestStore } from '../../servers/stores.ts'
import { type House, openHouse } from '../house.ts'
import { held, openSource, standings } from './ldap-house.ts'

const installed = needs('samba, samba-ad-provision, samba-dsdb-modules and samba-vfs-modules', ...SAMBA_FILES)
const obstacle = installed ? sambaObstacle() : undefined
const runs = installed && obstacle === undefined
const named = (title: string) => (runs ? title : `${title}: ${installed ? `needs ${obstacle}` : 'samba is missing'}`)

const LEAVERS = `OU=Leavers,${DOMAIN_DN}`

describe.skipIf(!runs)(named('leavers of an Active Directory domain'), () => {
  let samba: Samba
  let test: TestStore
  let house: House
  beforeAll(async () => {
    const [server, store] = await Promise.all([
      startSamba({ requireStrongAuth: true }),
      (STORES[0] ?? expect.fail('no store')).open(),
    ])
    samba = server
    test = store
    house = await openHouse(test.store)
  }, 180_000)
  afterAll(async () => {
    await house?.close()
    await test?.stop()
    await samba?.stop()
  })

  const asAdmin: <Value>(work: Parameters<typeof asAdministrator<Value>>[2]) => Promise<Value> = (work) =>
    asAdministrator(samba.host, samba.authority.cert, work)

  it('reads the whole domain in pages, then disabled, moved, deleted and restored accounts by their changes', async () => {
    const ad = await openSource(
      house,
      test.store,
      {
        ...{ url: `ldaps://${samba.host}`, caFile: samba.authority.file, flavour: 'ad', password: 'env:DIRECTORY', pageSize: 4 },
        ...{ bindDn: `administrator@${REALM}`, bases: [DOMAIN_DN], leavers: [LEAVERS], deletedObjects: true, full: '30d' },
      },
      { mass: { share: 1, least: 100, windowMs: 1 } },
      ADMIN_PASSWORD,
    )
    await asAdmin((client) => client.add(LEAVERS, [new Attribute({ type: 'objectClass', values: ['organizationalUnit'] })]))
    const people = ['alive', 'disabled', 'expired', 'password-expired', 'locked', 'changed', 'elsewhere', 'DC1$']
    expect(await ad.pull()).toMatchObject({ full: true })
    const now = house.now().toString()
    const all = {
      ...{ alive: 'here', disabled: now, expired: '2012-01-02T17:46:40Z', 'password-expired': 'here', locked: 'here' },
      ...{ changed: 'here', elsewhere: 'here', DC1$: 'unknown' },
    }
    expect(await standings(test.store, people)).toEqual(all)
    expect(await ad.pull()).toMatchObject({ full: false, entries: 0 })

    await asAdmin(async (client) => {
      const off = new Attribute({ type: 'userAccountControl', values: ['514'] })
      await client.modify(samba.dn('alive'), new Change({ operation: 'replace', modification: off }))
      await client.modifyDN(samba.dn('elsewhere'), `CN=elsewhere,${LEAVERS}`)
      await client.del(samba.dn('changed'))
      const on = new Attribute({ type: 'userAccountControl', values: ['512'] })
      await client.modify(samba.dn('disabled'), new Change({ operation: 'replace', modification: on }))
    })
    house.advance(60_000)
    expect(await ad.pull()).toEqual({ full: false, entries: 4, terminated: 3, reinstated: 1 })
    const later = house.now().toString()
    const after = { ...all, alive: later, elsewhere: later, changed: later, disabled: 'here' }
    expect(await standings(test.store, people)).toEqual(after)

    // Made anew at once: it is among the deleted objects, and here.
    await asAdmin(async (client) => {
      await client.del(samba.dn('password-expired'))
      await client.add(samba.dn('password-expired'), {
        ...{ objectClass: 'user', sAMAccountName: 'Password-Expired', userAccountControl: '544' },
      })
    })
    house.advance(60_000)
    expect(await ad.pull()).toEqual({ full: false, entries: 2, held: 2 })
    expect((await held(test.store, ad.feed)).toSorted()).toEqual(['identifier_reuse', 'named_elsewhere'])
    expect(await standings(test.store, people)).toEqual(after)

    // Asked for everybody, who is missing is found among the deleted objects.
    await asAdmin((client) => client.del(samba.dn('locked')))
    house.advance(30 * 86_400_000)
    expect(await ad.pull()).toMatchObject({ full: true, terminated: 1 })
    expect(await standings(test.store, people)).toEqual({ ...after, locked: house.now().toString() })
  })
})
