import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { ldap } from '../../probes/ldap.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import { replay } from '../conformance/replay.ts'
import { closedPort } from '../servers/hostile.ts'
import { answering, openScript, type Response } from './ldap-script.ts'

/** Beside the checkout, where the facts about real servers were gathered; not part of the repository. */
const CASES_FILE = new URL('../../../shared/verdicts/cases.json', import.meta.url)

const caseSchema = z.object({
  id: z.string(),
  system: z.string(),
  when: z.string(),
  verdict: z.enum(['accepted', 'rejected', 'inconclusive']),
  reason: z.string(),
  strength: z.enum(['strong', 'weak']),
})

interface Row {
  directory: 'openldap' | 'active-directory' | 'generic'
  /** Every answer to the bind that the case names. */
  binds: readonly Response[]
  whoAmI?: Response
  /** The strength that we give instead, and why. */
  strengthInstead?: { strength: 'strong' | 'weak'; because: string }
}

const OK = { code: 0 }
const ANONYMOUS = { code: 0, value: '' }
const openldap = (...binds: Response[]): Row => ({ directory: 'openldap', binds })
const generic = (...binds: Response[]): Row => ({ directory: 'generic', binds })
const ad = (...binds: Response[]): Row => ({ directory: 'active-directory', binds })
const adError = (data: string): Response => ({
  code: 49,
  diagnostic: `80090308: LdapErr: DSID-0C0903A9, comment: AcceptSecurityContext error, data ${data}, v1db1\0`,
})
const codes = (...list: number[]): Response[] => list.map((code) => ({ code }))

/** The bytes of every case that a directory can send, to be judged as the case says. */
const ANSWERS: Readonly<Record<string, Row>> = {
  v130: openldap(OK),
  v131: { ...openldap(OK), whoAmI: ANONYMOUS },
  v132: openldap({ code: 53, diagnostic: 'unauthenticated bind (DN with no password) disallowed' }),
  v133: { ...openldap(OK), whoAmI: ANONYMOUS },
  v134: openldap({ code: 49 }),
  // Of a server not known to be slapd; slapd's ppolicy always answers the control that we send (ldap-slapd.test.ts).
  v135: generic({ code: 49 }),
  v137: openldap({ code: 49, policyError: 0 }),
  v138: generic({ code: 49 }),
  v140: openldap({ code: 0, policyError: 2 }),
  v141: openldap({ code: 13 }),
  v143: openldap({ code: 48 }),
  v144: openldap({ code: 34 }),
  v145: openldap(...codes(51, 52, 10, 11, 1, 80)),
  v147: generic({ code: 53, diagnostic: 'Account inactivated. Contact system administrator.' }),
  v148: generic({ code: 19, diagnostic: 'Exceed password retry limit. Please try later.' }),
  v149: ad(OK),
  v150: ad(adError('52e')),
  v153: ad(adError('701')),
  v155: ad(adError('773')),
  v156: ad(adError('530')),
  v157: ad(adError('531')),
  v158: ad(adError('775')),
  v159: ad(adError('569')),
  v161: { ...ad(OK), whoAmI: ANONYMOUS },
  v162: {
    ...ad(OK),
    whoAmI: { code: 1, diagnostic: '000004DC: LdapErr: DSID-0C090A5C, comment: In order to perform this operation' },
  },
  v163: ad(OK),
  v164: {
    ...ad(adError('52e')),
    strengthInstead: { strength: 'strong', because: 'the bytes are those of v150, and the password tried is as wrong as there' },
  },
  v165: ad(...codes(52, 51, 10)),
}

/** Cases that no answer of a directory stands for. */
const ELSEWHERE: Readonly<Record<string, string>> = {
  v699: 'below, and in the conformance suite: nothing listens, black hole',
  v701: 'in the conformance suite: garbage of many kinds, in clear and over TLS',
  v702: 'in ldap.test.ts: a missing CA file or template is config_error, which says more than client_error',
}

const cases = existsSync(CASES_FILE) ? z.array(caseSchema).parse(JSON.parse(readFileSync(CASES_FILE, 'utf8'))) : undefined
const ours = cases?.filter(({ system }) => ['OpenLDAP', 'Active Directory', 'Any'].includes(system)) ?? []

describe.skipIf(cases === undefined)(
  cases === undefined ? 'cases of directories: ../shared is missing' : 'cases of directories',
  () => {
    it('has every case in one table or the other', () => {
      expect(ours.length).toBeGreaterThan(0)
      expect(ours.filter(({ id }) => (id in ANSWERS ? 1 : 0) + (id in ELSEWHERE ? 1 : 0) !== 1)).toEqual([])
    })

    for (const { id, system, when, verdict, reason, strength } of ours) {
      const row = ANSWERS[id]
      if (row === undefined) continue
      for (const bind of row.binds) {
        const directory = row.directory
        it(`${id} ${system}: ${when} (${bind.code}) as ${directory}`, async () => {
          const server = await openScript(answering(bind, row.whoAmI))
          try {
            const target = { host: '127.0.0.1', port: server.port, tls: 'disable', directory, dn: 'uid={username},dc=example' }
            const bound = anyProbe(ldap).bind(target)
            const { judgement } = await replay(bound, bound.secret({ username: 'jdoe', password: 'sesame' }))
            expect(judgement).toMatchObject({ verdict, reason, strength: row.strengthInstead?.strength ?? strength })
          } finally {
            await server.stop()
          }
        })
      }
    }

    it('v699 Any: refused', async () => {
      const bound = anyProbe(ldap).bind({ host: '127.0.0.1', port: await closedPort(), tls: 'disable' })
      const { judgement } = await replay(bound, bound.secret({ dn: 'uid=jdoe', password: 'sesame' }))
      expect(judgement).toMatchObject({ verdict: 'inconclusive', reason: 'unreachable', wire: { error: 'ECONNREFUSED' } })
    })
  },
)
