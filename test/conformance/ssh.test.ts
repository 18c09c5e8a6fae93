import ssh2 from 'ssh2'
import { makeEd25519 } from '../../probes/ssh/privateKey.ts'
import { ssh } from '../../probes/ssh.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import { needs } from '../servers/require.ts'
import { mayRunSshd, type Sshd, sshdFile, startSshd } from '../servers/sshd.ts'
import { type SshServer, startSshServer } from '../servers/sshServer.ts'
import { type ConformanceRow, conformance, type Expected } from './suite.ts'

const PASSWORD = 'marked-5ea1d3-right'
const KEY = makeEd25519()
const REFUSED: Expected = { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' }

const common = {
  probe: anyProbe(ssh),
  samples: [
    { username: 'leaver', password: PASSWORD },
    { username: 'leaver', privateKey: KEY },
  ],
  publicFields: ['username'],
  at: ({ host, port, tls }) => (tls === 'none' ? { host, port } : undefined),
} satisfies Partial<ConformanceRow<SshServer>>

conformance<SshServer>({
  ...common,
  name: 'the server of ssh2',
  start: () =>
    startSshServer((request) => {
      if (request.username === 'open') return request.accept()
      if (request.method === 'password' && request.username === 'leaver' && request.password === PASSWORD) return request.accept()
      if (request.method === 'publickey' && request.username === 'key' && request.key.data.equals(publicKey(KEY)))
        return request.accept()
      return request.reject(['password', 'publickey'])
    }),
  target: ({ port, hostKey }) => ({ host: '127.0.0.1', port, hostKey }),
  cases: {
    valid: {
      secret: () => ({ username: 'leaver', password: PASSWORD }),
      expect: { verdict: 'accepted', reason: 'authenticated', strength: 'strong', principal: 'leaver' },
    },
    'wrong secret': { secret: () => ({ username: 'leaver', password: 'marked-5ea1d3-wrong' }), expect: REFUSED },
    'unknown principal': { secret: () => ({ username: 'nobody-here', password: PASSWORD }), expect: REFUSED },
    'disabled account': { not: 'the OpenSSH row has it' },
    'locked account': { not: 'the OpenSSH row has it' },
    'expired account': { not: 'the OpenSSH row has it' },
    'open server': {
      secret: () => ({ username: 'open', password: 'marked-5ea1d3-anything' }),
      expect: { verdict: 'inconclusive', reason: 'endpoint_unauthenticated' },
    },
  },
})

type Alias = 'leaver' | 'denied' | 'locked' | 'expired' | 'empty'

const missing = !mayRunSshd ? 'root, to make accounts,' : needs('openssh-server', sshdFile) ? undefined : 'openssh-server'

const openssh = {
  ...common,
  missing,
  start: () =>
    startSshd<Alias>({
      accounts: {
        leaver: { password: PASSWORD, keys: [authorized(KEY)] },
        denied: { password: PASSWORD, keys: [authorized(KEY)] },
        locked: { password: PASSWORD, keys: [authorized(KEY)], locked: true },
        expired: { password: PASSWORD, keys: [authorized(KEY)], expired: true },
        empty: { empty: true },
      },
      config: (name) => [`DenyUsers ${name('denied')}`, `Match User ${name('empty')}`, 'PermitEmptyPasswords yes'],
    }),
  target: ({ port, hostKeys }: Sshd<Alias>) => ({ host: '127.0.0.1', port, hostKey: hostKeys.ed25519 }),
} satisfies Partial<ConformanceRow<Sshd<Alias>>>

const password = (alias: Alias) => (world: Sshd<Alias>) => ({ username: world.name(alias), password: PASSWORD })
const key = (alias: Alias) => (world: Sshd<Alias>) => ({ username: world.name(alias), privateKey: KEY })
const OPEN: Expected = { verdict: 'inconclusive', reason: 'endpoint_unauthenticated' }

conformance<Sshd<Alias>>({
  ...openssh,
  samples: [],
  name: 'OpenSSH, password',
  cases: {
    valid: { secret: password('leaver'), expect: { verdict: 'accepted', reason: 'authenticated', strength: 'strong' } },
    'wrong secret': { secret: (world) => ({ ...password('leaver')(world), password: 'marked-5ea1d3-wrong' }), expect: REFUSED },
    'unknown principal': { secret: () => ({ username: 'nobody-here', password: PASSWORD }), expect: REFUSED },
    'disabled account': { secret: password('denied'), expect: REFUSED },
    'locked account': { secret: password('locked'), expect: REFUSED },
    'expired account': {
      secret: password('expired'),
      expect: { verdict: 'rejected', reason: 'account_expired', strength: 'weak' },
    },
    'open server': { secret: password('empty'), expect: OPEN },
  },
})

const UNLISTED: Expected = { verdict: 'rejected', reason: 'key_not_authorized', strength: 'weak' }

conformance<Sshd<Alias>>({
  ...openssh,
  samples: [],
  name: 'OpenSSH, key',
  cases: {
    valid: { secret: key('leaver'), expect: { verdict: 'accepted', reason: 'authenticated', strength: 'strong' } },
    'wrong secret': { secret: (world) => ({ ...key('leaver')(world), privateKey: makeEd25519() }), expect: UNLISTED },
    'unknown principal': { secret: () => ({ username: 'nobody-here', privateKey: KEY }), expect: UNLISTED },
    'disabled account': { secret: key('denied'), expect: UNLISTED },
    // passwd -l locks the password and nothing else: the classic gap of offboarding.
    'locked account': { secret: key('locked'), expect: { verdict: 'accepted', reason: 'authenticated' } },
    'expired account': { secret: key('expired'), expect: { verdict: 'rejected', reason: 'account_expired', strength: 'weak' } },
    'open server': { secret: key('empty'), expect: OPEN },
  },
})

function publicKey(pem: string): Buffer {
  const parsed = ssh2.utils.parseKey(pem)
  if (parsed instanceof Error) throw parsed
  return parsed.getPublicSSH()
}

function authorized(pem: string): string {
  return `ssh-ed25519 ${publicKey(pem).toString('base64')}`
}
