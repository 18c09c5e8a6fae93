import type { Socket } from 'node:net'
import { OP } from '../../probes/ldap/message.ts'
import { ldap } from '../../probes/ldap.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import { openScript, response, type ScriptedLdap } from '../probes/ldap-script.ts'
import { needs } from '../servers/require.ts'
import { AD_PASSWORD, LOCKOUT_THRESHOLD, REALM, SAMBA_FILES, type Samba, sambaObstacle, startSamba } from '../servers/samba.ts'
import { PASSWORD, PEOPLE, SLAPD_FILES, type Slapd, startSlapd } from '../servers/slapd.ts'
import { replay } from './replay.ts'
import { type ConformanceRow, conformance, type Given, type Place } from './suite.ts'

const WRONG_PASSWORD = 'wrong password of a made-up kind'
const ACCEPTED = { verdict: 'accepted', reason: 'authenticated' } as const
const REJECTED = { verdict: 'rejected', reason: 'invalid_credentials' } as const
const STRONG = { ...REJECTED, strength: 'strong' } as const

const common = {
  probe: anyProbe(ldap),
  samples: [
    { username: 'jdoe', password: 'hunter2-marked-password' },
    { dn: 'uid=jdoe,dc=example,dc=com', password: 'hunter2-marked-password' },
  ],
  publicFields: ['username', 'dn'],
}

const anywhere = ({ host, port, tls, ca }: Place) => ({
  host,
  port,
  dn: 'uid={username},dc=example,dc=com',
  ...(tls === 'none' ? { tls: 'disable' } : { ca: ca.file }),
})

interface SlapdWorld extends Slapd {
  /** A directory that lets everybody in as whoever they say. */
  open: ScriptedLdap
}

const slapd: ConformanceRow<SlapdWorld> = {
  ...common,
  name: 'slapd over LDAPS',
  at: anywhere,
  missing: needs('slapd', ...SLAPD_FILES) ? undefined : 'slapd',
  start: async () => {
    const [server, open] = [await startSlapd(), await openScript(letEverybodyIn)]
    return { ...server, open, stop: async () => void (await Promise.all([server.stop(), open.stop()])) }
  },
  target: ({ host, tlsPort, authority }) => ({
    host,
    port: tlsPort,
    ca: authority.file,
    directory: 'openldap',
    tellsLocks: true,
    dn: `uid={username},${PEOPLE}`,
  }),
  cases: {
    valid: { ...account('alive'), expect: { ...ACCEPTED, principal: `uid=alive,${PEOPLE}` } },
    'wrong secret': { secret: () => ({ username: 'alive', password: WRONG_PASSWORD }), expect: STRONG },
    'unknown principal': { secret: () => ({ username: 'nobody-of-that-name', password: PASSWORD }), expect: STRONG },
    'disabled account': { not: 'slapd has no such state but a lock without end' },
    'locked account': { ...account('locked'), expect: { verdict: 'inconclusive', reason: 'account_locked' } },
    'expired account': { ...account('expired'), expect: { verdict: 'accepted', reason: 'password_expired' } },
    // What it says proves nothing by itself: the stranger who gets in as well is what voids the trial.
    'open server': {
      ...account('anybody'),
      target: ({ open }) => ({ host: '127.0.0.1', port: open.port, tls: 'disable', dn: 'uid={username},dc=example' }),
      expect: ACCEPTED,
    },
  },
  decoys: { stranger: STRONG, 'same-principal': STRONG },
}

const startTls: ConformanceRow<Slapd> = {
  ...common,
  name: 'slapd over StartTLS',
  at: (place) => (place.tls === 'none' ? undefined : { ...anywhere(place), startTls: true }),
  preamble: grantStartTls,
  missing: slapd.missing,
  start: () => startSlapd({ policy: 'hidden' }),
  target: ({ host, port, authority }) => ({
    host,
    port,
    startTls: true,
    ca: authority.file,
    directory: 'openldap',
    dn: `uid={username},${PEOPLE}`,
  }),
  cases: {
    valid: { ...account('alive'), expect: ACCEPTED },
    'wrong secret': {
      secret: () => ({ username: 'alive', password: WRONG_PASSWORD }),
      expect: { ...REJECTED, strength: 'weak' },
    },
    'unknown principal': { secret: () => ({ username: 'nobody-of-that-name', password: PASSWORD }), expect: STRONG },
    'disabled account': { not: 'slapd has no such state but a lock without end' },
    // The server hides the lock behind the bytes of a wrong password: rejected, and never more than weak.
    'locked account': { ...account('locked'), expect: { ...REJECTED, strength: 'weak' } },
    'expired account': { ...account('expired'), expect: { verdict: 'accepted', reason: 'password_expired' } },
    'open server': { not: 'in the row of LDAPS' },
  },
}

const inDomain = (username: string, password = AD_PASSWORD) => ({ secret: () => ({ username, password }) })

const samba: ConformanceRow<Samba> = {
  ...common,
  name: 'Active Directory (Samba)',
  samples: [{ username: 'jdoe', password: 'hunter2-marked-password' }],
  at: (place) => ({ ...anywhere(place), directory: 'active-directory' }),
  missing: sambaObstacle() ?? (needs('samba', ...SAMBA_FILES) ? undefined : 'samba'),
  start: async () => {
    const dc = await startSamba()
    await lock(dc, 'locked')
    return dc
  },
  target: domainTarget,
  cases: {
    valid: { ...inDomain('alive'), expect: ACCEPTED },
    'wrong secret': { ...inDomain('alive', WRONG_PASSWORD), expect: STRONG },
    'unknown principal': { ...inDomain('nobody-of-that-name'), expect: STRONG },
    'disabled account': {
      ...inDomain('disabled'),
      expect: { verdict: 'rejected', reason: 'account_disabled', strength: 'strong' },
    },
    'locked account': { ...inDomain('locked'), expect: { verdict: 'inconclusive', reason: 'account_locked' } },
    'expired account': { ...inDomain('expired'), expect: { verdict: 'rejected', reason: 'account_expired', strength: 'strong' } },
    'open server': { not: 'in the row of slapd' },
  },
  decoys: { stranger: STRONG, 'same-principal': STRONG },
}

conformance(slapd)
conformance(startTls)
conformance(samba)

function account(username: string): Pick<Given<unknown>, 'secret'> {
  return { secret: () => ({ username, password: PASSWORD }) }
}

function domainTarget({ host, authority }: Samba) {
  return { host, ca: authority.file, directory: 'active-directory', dn: `{username}@${REALM}` }
}

async function lock(dc: Samba, username: string): Promise<void> {
  const bound = anyProbe(ldap).bind(domainTarget(dc))
  for (let tries = 0; tries < LOCKOUT_THRESHOLD; tries++) {
    await replay(bound, bound.secret({ username, password: `${WRONG_PASSWORD} ${tries}` }))
  }
}

/** What a directory says to StartTLS before TLS begins. */
function grantStartTls(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('data', () => {
      // The probe asks for StartTLS first, under the id 1.
      socket.write(response(1, OP.extendedResponse, { code: 0 }))
      resolve()
    })
  })
}

function letEverybodyIn({ id, op }: { id: number; op: number }) {
  if (op === OP.bindRequest) return [response(id, OP.bindResponse, { code: 0 })]
  return op === OP.extendedRequest ? [response(id, OP.extendedResponse, { code: 0, value: 'dn:uid=anybody' })] : []
}
