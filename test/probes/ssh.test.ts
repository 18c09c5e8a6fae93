import { generateKeyPairSync } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ssh2, { type KeyboardAuthContext } from 'ssh2'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { judge } from '../../probes/ssh/judge.ts'
import type { Login } from '../../probes/ssh/login.ts'
import { makeEd25519 } from '../../probes/ssh/privateKey.ts'
import { ssh } from '../../probes/ssh.ts'
import type { Judgement } from '../../src/domain/answer.ts'
import { newSshKey } from '../../src/lab/ssh-key.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import { verdictCases } from '../conformance/cases.ts'
import { type ReplayOptions, replay } from '../conformance/replay.ts'
import { checkJudgement, type Expected } from '../conformance/suite.ts'
import { closedPort, openHostile } from '../servers/hostile.ts'
import { needs } from '../servers/require.ts'
import { mayRunSshd, type Sshd, sshdFile, startSshd } from '../servers/sshd.ts'
import { type Authenticate, type SshServer, startSshServer } from '../servers/sshServer.ts'

const probe = anyProbe(ssh)
const RIGHT = 'right-password'
const WRONG = 'wrong-password'
const KEY = makeEd25519()
const OTHER_KEY = makeEd25519()

const REFUSED: Expected = { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' }
const UNLISTED: Expected = { verdict: 'rejected', reason: 'key_not_authorized', strength: 'weak' }
const ACCEPTED: Expected = { verdict: 'accepted', reason: 'authenticated', strength: 'strong' }
const DISABLED: Expected = { verdict: 'inconclusive', reason: 'auth_method_disabled' }
const UNSUPPORTED: Expected = { verdict: 'inconclusive', reason: 'auth_method_unsupported' }
const OPEN: Expected = { verdict: 'inconclusive', reason: 'endpoint_unauthenticated' }

async function attempt(
  target: Record<string, unknown>,
  secret: Record<string, string>,
  options?: ReplayOptions,
): Promise<Judgement> {
  const bound = probe.bind({ host: '127.0.0.1', ...target })
  return (await replay(bound, bound.secret(secret), options)).judgement
}

/** Runs something against ssh2's server and looks at what the server saw. */
async function against(authenticate: Authenticate, run: (server: SshServer) => Promise<void>): Promise<void> {
  const server = await startSshServer(authenticate)
  try {
    await run(server)
  } finally {
    await server.stop()
  }
}

function authorized(pem: string, passphrase?: string): string {
  const key = ssh2.utils.parseKey(pem, passphrase)
  if (key instanceof Error) throw key
  return `${key.type} ${key.getPublicSSH().toString('base64')}`
}

const ACCOUNTS = {
  leaver: { password: RIGHT, keys: [authorized(KEY)] },
  denied: { password: RIGHT, keys: [authorized(KEY)] },
  locked: { password: RIGHT, keys: [authorized(KEY)], locked: true },
  expired: { password: RIGHT, keys: [authorized(KEY)], expired: true },
  mustChange: { password: RIGHT, keys: [authorized(KEY)], mustChange: true },
  empty: { empty: true, keys: [authorized(KEY)] },
  keyOnly: { password: RIGHT, keys: [authorized(KEY)] },
  keyThenPassword: { password: RIGHT, keys: [authorized(KEY)] },
  passwordThenKey: { password: RIGHT, keys: [authorized(KEY)] },
  prompted: { password: RIGHT },
  promptedExpired: { password: RIGHT, mustChange: true },
  elsewhere: { keys: [`from="192.0.2.7" ${authorized(KEY)}`] },
  noShell: { password: RIGHT, shell: '/usr/sbin/nologin' },
  sftpOnly: { password: RIGHT },
} as const
type Alias = keyof typeof ACCOUNTS

const haveSshd = mayRunSshd && needs('openssh-server', sshdFile)
const NO_SSHD = haveSshd ? undefined : { not: 'needs openssh-server, and root to make accounts' }

describe('SSH', () => {
  let server: Sshd<Alias> | undefined
  beforeAll(async () => {
    if (!haveSshd) return
    server = await startSshd<Alias>({
      accounts: ACCOUNTS,
      config: (name) => [
        `DenyUsers ${name('denied')}`,
        ...[`Match User ${name('empty')}`, 'PermitEmptyPasswords yes'],
        ...[`Match User ${name('keyOnly')}`, 'PasswordAuthentication no'],
        ...[`Match User ${name('keyThenPassword')}`, 'AuthenticationMethods publickey,password'],
        ...[`Match User ${name('passwordThenKey')}`, 'AuthenticationMethods password,publickey'],
        ...[`Match User ${name('sftpOnly')}`, 'ForceCommand internal-sftp'],
        `Match User ${name('prompted')},${name('promptedExpired')}`,
        ...['PasswordAuthentication no', 'KbdInteractiveAuthentication yes'],
      ],
    })
  })
  afterAll(() => server?.stop())

  const secretOf = (alias: Alias, what: 'right' | 'wrong' | 'key' | 'other key') => ({
    username: server?.name(alias) ?? '',
    ...(what === 'right' || what === 'wrong'
      ? { password: what === 'right' ? RIGHT : WRONG }
      : { privateKey: what === 'key' ? KEY : OTHER_KEY }),
  })
  const tryAs = (alias: Alias, what: 'right' | 'wrong' | 'key' | 'other key') =>
    attempt({ port: server?.port, hostKey: server?.hostKeys.ed25519 }, secretOf(alias, what))

  type Tries = readonly (readonly [Alias, 'right' | 'wrong' | 'key' | 'other key', Expected])[]
  /** The first try is the case; the others hold it against what it must differ from (or be the same as). */
  const openssh = (...tries: Tries) =>
    NO_SSHD ?? {
      expect: tries[0]?.[2] ?? ACCEPTED,
      run: async () => {
        // Side by side: PAM makes each wrong password wait two seconds.
        const judged = await Promise.all(tries.map(([alias, what]) => tryAs(alias, what)))
        for (const [index, judgement] of judged.entries()) checkJudgement(judgement, tries[index]?.[2] ?? ACCEPTED)
      },
    }

  verdictCases(['OpenSSH', 'SFTP', 'Any'], {
    v207: openssh(['empty', 'wrong', OPEN], ['empty', 'other key', OPEN]),
    v208: openssh(
      ['leaver', 'wrong', REFUSED],
      ['locked', 'right', REFUSED],
      ['denied', 'right', REFUSED],
      ['leaver', 'right', ACCEPTED],
    ),
    v209: openssh(['keyOnly', 'right', DISABLED], ['keyOnly', 'key', ACCEPTED]),
    v210: openssh(['keyThenPassword', 'right', DISABLED], ['keyThenPassword', 'wrong', DISABLED]),
    v211: openssh(
      ['passwordThenKey', 'right', { verdict: 'accepted', reason: 'mfa_required' }],
      ['passwordThenKey', 'wrong', REFUSED],
    ),
    v213: {
      expect: { verdict: 'inconclusive', reason: 'ambiguous', strength: 'weak' },
      run: () =>
        against(
          (request, connection) => (request.method === 'none' ? request.reject(['password']) : connection.end()),
          async ({ port }) => {
            const judgement = await attempt({ port }, { username: 'leaver', password: RIGHT })
            checkJudgement(judgement, { verdict: 'inconclusive', reason: 'ambiguous', strength: 'weak' })
          },
        ),
    },
    v214: openssh(['mustChange', 'right', { verdict: 'accepted', reason: 'password_expired' }], ['mustChange', 'wrong', REFUSED]),
    v215: {
      expect: { verdict: 'accepted', reason: 'password_expired' },
      run: async () => {
        let changed = false
        await against(
          (request) => {
            if (request.method !== 'password') return request.reject(['password'])
            request.requestChange('Choose a new password', () => {
              changed = true
            })
          },
          async (own) => {
            const judgement = await attempt({ port: own.port }, { username: 'leaver', password: RIGHT })
            checkJudgement(judgement, { verdict: 'accepted', reason: 'password_expired' })
            expect(own.requests()).toEqual(['none leaver', 'password leaver'])
          },
        )
        expect(changed).toBe(false)
      },
    },
    v217: openssh(['noShell', 'right', ACCEPTED], ['noShell', 'wrong', REFUSED]),
    v219: NO_SSHD ?? {
      expect: REFUSED,
      differs: 'the row is a hazard of drivers: here one replay is one failed login, and the test counts it',
      run: async () => {
        server?.log()
        checkJudgement(await tryAs('sftpOnly', 'wrong'), REFUSED)
        const failed = (server?.log() ?? '').split('\n').filter((line) => line.includes(`for ${server?.name('sftpOnly')} `))
        expect(failed).toEqual([expect.stringMatching(/^Failed password/)])
      },
    },
    v221: {
      expect: { verdict: 'inconclusive', reason: 'host_key_mismatch' },
      differs: 'told apart from a TLS failure by a reason of its own',
      run: () =>
        against(
          (request) => request.accept(),
          async (own) => {
            const judgement = await attempt({ port: own.port, hostKey: authorized(KEY) }, { username: 'leaver', password: RIGHT })
            checkJudgement(judgement, { verdict: 'inconclusive', reason: 'host_key_mismatch' })
            expect(own.requests()).toEqual([])
          },
        ),
    },
    v223: { not: 'the probe never stops at the query: what is listed is signed for in the same connection (v225, v227)' },
    v224: openssh(['leaver', 'other key', UNLISTED], ['elsewhere', 'key', UNLISTED], ['denied', 'key', UNLISTED]),
    v225: openssh(['leaver', 'key', ACCEPTED]),
    v226: openssh(['locked', 'key', ACCEPTED]),
    v227: openssh(
      ['expired', 'key', { verdict: 'rejected', reason: 'account_expired', strength: 'weak' }],
      ['expired', 'right', { verdict: 'rejected', reason: 'account_expired', strength: 'weak' }],
      ['expired', 'wrong', REFUSED],
      ['expired', 'other key', UNLISTED],
    ),
    v228: openssh(
      ['mustChange', 'key', { verdict: 'accepted', reason: 'password_expired' }],
      ['mustChange', 'other key', UNLISTED],
    ),
    v229: openssh(
      ['keyThenPassword', 'key', { verdict: 'accepted', reason: 'mfa_required' }],
      ['keyThenPassword', 'other key', UNLISTED],
    ),
    v230: openssh(['passwordThenKey', 'key', DISABLED]),
    v231: {
      expect: { verdict: 'inconclusive', reason: 'auth_method_unsupported' },
      // The rule alone: every server to be had here announces its signature algorithms, and the driver then uses SHA-2.
      run: async () => {
        const refused: Login = {
          ending: { how: 'failed', offered: ['publickey'], partial: false },
          method: 'publickey',
          keyType: 'ssh-rsa',
          banners: [],
          listed: false,
          received: 1_000,
        }
        checkJudgement(judge({ ...refused, algorithm: 'ssh-rsa' }, 'leaver'), UNSUPPORTED)
        // No algorithm in common: nothing was sent.
        checkJudgement(judge(refused, 'leaver'), UNSUPPORTED)
        checkJudgement(judge({ ...refused, algorithm: 'rsa-sha2-512' }, 'leaver'), UNLISTED)
      },
    },
    v232: { not: 'ssh2 does not offer OpenSSH certificates: a secret of this probe is a bare key' },
    v233: { not: 'the name stands in the output of a command, and the probe opens no channel: v225 is what it sees there' },
    v234: openssh(['sftpOnly', 'right', ACCEPTED]),
    v699: {
      expect: { verdict: 'inconclusive', reason: 'unreachable' },
      run: async () => {
        const judgement = await attempt({ port: await closedPort() }, { username: 'leaver', password: RIGHT })
        checkJudgement(judgement, { verdict: 'inconclusive', reason: 'unreachable' })
      },
    },
    v701: {
      expect: { verdict: 'inconclusive', reason: 'protocol_error' },
      run: async () => {
        const listener = await openHostile((socket) => socket.write('SSH-2.0-x\r\nthis is no packet of the protocol'))
        const judgement = await attempt({ port: listener.port }, { username: 'leaver', password: RIGHT })
        await listener.stop()
        checkJudgement(judgement, { verdict: 'inconclusive', reason: 'protocol_error' })
      },
    },
    v702: {
      expect: { verdict: 'inconclusive', reason: 'client_error' },
      run: async () => {
        const target = { port: await closedPort(), knownHosts: '/nonexistent/known_hosts' }
        const judgement = await attempt(target, { username: 'leaver', password: RIGHT })
        checkJudgement(judgement, { verdict: 'inconclusive', reason: 'client_error' })
      },
    },
  })

  describe.skipIf(!haveSshd)(haveSshd ? 'OpenSSH' : 'OpenSSH: not installed, or not root', () => {
    it('keyboard-interactive in place of a password: one answer', async () => {
      const judged = await Promise.all([tryAs('prompted', 'right'), tryAs('prompted', 'wrong')])
      checkJudgement(judged[0], ACCEPTED)
      checkJudgement(judged[1], REFUSED)
      // PAM goes on to ask for the current and a new password.
      checkJudgement(await tryAs('promptedExpired', 'right'), { verdict: 'inconclusive', reason: 'challenge' })
    })

    const all = () => server?.hostKeys ?? { ed25519: '', rsa: '', ecdsa: '' }
    it.each(['ed25519', 'rsa', 'ecdsa'] as const)('a server with three host keys shows the pinned one: %s', async (type) => {
      const judgement = await attempt({ port: server?.port, hostKey: all()[type] }, secretOf('leaver', 'key'))
      checkJudgement(judgement, ACCEPTED)
    })

    it('tries an RSA key once, with SHA-2', async () => {
      const judgement = await attempt({ port: server?.port }, { username: server?.name('leaver') ?? '', privateKey: rsaKey() })
      checkJudgement(judgement, UNLISTED)
      expect(judgement.wire).toMatchObject({ keyType: 'ssh-rsa', algorithm: expect.stringMatching(/^rsa-sha2-/) })
    })

    it('takes any of several fingerprints', async () => {
      const first = await attempt({ port: server?.port }, secretOf('leaver', 'key'))
      checkJudgement(first, ACCEPTED)
      const hostKey = [`SHA256:${'A'.repeat(43)}`, first.peer ?? '']
      checkJudgement(await attempt({ port: server?.port, hostKey }, secretOf('leaver', 'key')), ACCEPTED)
    })
  })

  it('asks once, names itself, opens nothing', () =>
    against(
      (request) =>
        request.method === 'password' ? request.accept() : request.reject(['password', 'keyboard-interactive', 'publickey']),
      async (own) => {
        checkJudgement(await attempt({ port: own.port }, { username: 'leaver', password: RIGHT }), ACCEPTED)
        expect(own.requests()).toEqual(['none leaver', 'password leaver'])
        expect(own.clients()).toEqual(['SSH-2.0-Revenant/0 (conformance)'])
        expect(own.channels()).toBe(0)
        await expect.poll(() => own.open()).toBe(0)
      },
    ))

  it('does not go on after a refusal', () =>
    against(
      (request) => request.reject(['password', 'keyboard-interactive', 'publickey']),
      async (own) => {
        checkJudgement(await attempt({ port: own.port }, { username: 'leaver', password: RIGHT }), REFUSED)
        expect(own.requests()).toEqual(['none leaver', 'password leaver'])
        await expect.poll(() => own.open()).toBe(0)
      },
    ))

  const PROMPTS: Record<string, { asks: (request: KeyboardAuthContext) => void; expect: Expected; answers: number }> = {
    'a code before the password': {
      asks: (request) => request.prompt([{ prompt: 'Verification code: ', echo: false }], () => answered++),
      expect: { verdict: 'inconclusive', reason: 'challenge' },
      answers: 0,
    },
    'a question that shows its answer': {
      asks: (request) => request.prompt([{ prompt: 'Password: ', echo: true }], () => answered++),
      expect: { verdict: 'inconclusive', reason: 'challenge' },
      answers: 0,
    },
    'two questions at once': {
      asks: (request) =>
        request.prompt(
          [
            { prompt: 'Password: ', echo: false },
            { prompt: 'Code: ', echo: false },
          ],
          () => answered++,
        ),
      expect: { verdict: 'inconclusive', reason: 'challenge' },
      answers: 0,
    },
    'a new password after the password': {
      asks: (request) =>
        request.prompt([{ prompt: 'Password: ', echo: false }], () => {
          answered++
          request.prompt([{ prompt: 'New password: ', echo: false }], () => answered++)
        }),
      expect: { verdict: 'inconclusive', reason: 'challenge' },
      answers: 1,
    },
  }
  let answered = 0
  it.each(Object.entries(PROMPTS))('keyboard-interactive: %s', async (_, { asks, expect: expected, answers }) => {
    answered = 0
    await against(
      (request) => (request.method === 'keyboard-interactive' ? asks(request) : request.reject(['keyboard-interactive'])),
      async ({ port }) => checkJudgement(await attempt({ port }, { username: 'leaver', password: RIGHT }), expected),
    )
    expect(answered).toBe(answers)
  })

  describe('host keys', () => {
    const accept: Authenticate = (request) => (request.method === 'none' ? request.reject(['password']) : request.accept())
    const SECRET = { username: 'leaver', password: RIGHT }
    const MISMATCH: Expected = { verdict: 'inconclusive', reason: 'host_key_mismatch' }

    it('pins what was seen first, and sends nothing to another', () =>
      against(accept, (one) =>
        against(accept, async (two) => {
          const first = await attempt({ port: one.port }, SECRET)
          checkJudgement(first, ACCEPTED)
          expect(first.peer).toMatch(/^SHA256:[A-Za-z0-9+/]{43}$/)
          const pin = { pinnedPeer: first.peer ?? '' }
          checkJudgement(await attempt({ port: one.port }, SECRET, pin), ACCEPTED)
          const other = await attempt({ port: two.port }, SECRET, pin)
          checkJudgement(other, MISMATCH)
          expect(other.peer).not.toBe(first.peer)
          expect(two.requests()).toEqual([])
        }),
      ))

    const LINES: Record<string, { line: (port: number, key: string) => string; expect: Expected }> = {
      'its address and port': { line: (port, key) => `[127.0.0.1]:${port} ${key}`, expect: ACCEPTED },
      'one of several names': { line: (port, key) => `db.example,[127.0.0.1]:${port} ${key} a comment`, expect: ACCEPTED },
      'a pattern': { line: (port, key) => `[127.0.0.?]:${port} ${key}`, expect: ACCEPTED },
      'a pattern with an exception': { line: (port, key) => `*,![127.0.0.1]:${port} ${key}`, expect: MISMATCH },
      'its address without the port': { line: (_, key) => `127.0.0.1 ${key}`, expect: MISMATCH },
      'another key of the same type': { line: (port) => `[127.0.0.1]:${port} ${authorized(KEY)}`, expect: MISMATCH },
      'a key of another type only': { line: (port) => `[127.0.0.1]:${port} ${authorized(rsaKey())}`, expect: MISMATCH },
      'a revoked key': {
        line: (port, key) => `[127.0.0.1]:${port} ${key}\n@revoked * ${key}`,
        expect: MISMATCH,
      },
      'a certificate authority only': { line: (port, key) => `@cert-authority [127.0.0.1]:${port} ${key}`, expect: MISMATCH },
      nothing: { line: () => '# empty', expect: MISMATCH },
    }
    it.each(Object.entries(LINES))('known_hosts with %s', async (_, { line, expect: expected }) => {
      const folder = mkdtempSync(join(tmpdir(), 'revenant-known-hosts-'))
      const knownHosts = join(folder, 'known_hosts')
      try {
        await against(accept, async ({ port, hostKey }) => {
          writeFileSync(knownHosts, `${line(port, hostKey)}\n`)
          checkJudgement(await attempt({ port, knownHosts }, SECRET), expected)
        })
      } finally {
        rmSync(folder, { recursive: true })
      }
    })

    it('known_hosts with a hashed name, as ssh-keygen -H writes it', async () => {
      const { findKnownHosts } = await import('../../probes/ssh/knownHosts.ts')
      // ssh-keygen -H on "[127.0.0.1]:2222 ssh-ed25519 AAAA" with OpenSSH 9.2.
      const hashed = '|1|d1159kMhmOCPwA4v73f8O6jd5Wo=|3kaJaRJmA6KmJzdVILTz6Xar5VA= ssh-ed25519 AAAA'
      expect(findKnownHosts(hashed, '127.0.0.1', 2222).trusted).toHaveLength(1)
      expect(findKnownHosts(hashed, '127.0.0.1', 2223).trusted).toHaveLength(0)
    })
  })

  const PASSPHRASE = 'marked-passphrase'
  const KEYS: Record<string, { pem: () => string; passphrase?: string }> = {
    'Ed25519, OpenSSH': { pem: makeEd25519 },
    'Ed25519, PKCS#8': { pem: () => pem(generateKeyPairSync('ed25519').privateKey.export({ type: 'pkcs8', format: 'pem' })) },
    'RSA, PKCS#1': { pem: rsaKey },
    'RSA, PKCS#8': { pem: () => pem(RSA.export({ type: 'pkcs8', format: 'pem' })) },
    'RSA, PKCS#8 encrypted': {
      pem: () => pem(RSA.export({ type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: PASSPHRASE })),
      passphrase: PASSPHRASE,
    },
    'ECDSA, SEC 1': {
      pem: () => pem(generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'sec1', format: 'pem' })),
    },
    'ECDSA, OpenSSH encrypted': {
      pem: () => newSshKey('ecdsa', { cipher: 'aes256-ctr', passphrase: PASSPHRASE, rounds: 4 }).private,
      passphrase: PASSPHRASE,
    },
  }
  it.each(Object.entries(KEYS))('a key: %s', async (_, { pem: make, passphrase }) => {
    const privateKey = make()
    const accept: Authenticate = (request) => {
      if (request.method !== 'publickey') return request.reject(['publickey'])
      const key = ssh2.utils.parseKey(`${request.key.algo} ${request.key.data.toString('base64')}`)
      if (key instanceof Error) return request.reject()
      if (request.signature === undefined) return request.accept()
      return request.blob !== undefined && key.verify(request.blob, request.signature, request.hashAlgo) === true
        ? request.accept()
        : request.reject()
    }
    await against(accept, async ({ port }) => {
      const secret = { username: 'leaver', privateKey, ...(passphrase === undefined ? {} : { passphrase }) }
      checkJudgement(await attempt({ port }, secret), ACCEPTED)
      if (passphrase === undefined) return
      const bound = probe.bind({ host: '127.0.0.1', port })
      const { judgement, text } = await replay(bound, bound.secret({ ...secret, passphrase: 'marked-wrong' }))
      checkJudgement(judgement, { verdict: 'inconclusive', reason: 'secret_unavailable' })
      for (const mark of ['marked-wrong', privateKey.split('\n')[1] ?? '']) expect(text).not.toContain(mark)
    })
  })
})

const RSA = generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey

function rsaKey(): string {
  return pem(RSA.export({ type: 'pkcs1', format: 'pem' }))
}

function pem(value: string | Buffer): string {
  return value.toString()
}
