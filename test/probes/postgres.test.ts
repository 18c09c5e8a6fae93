import { hash } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { postgres } from '../../probes/postgres.ts'
import type { Judgement } from '../../src/domain/answer.ts'
import { judgeFailure } from '../../src/probe/failure.ts'
import { anyProbe } from '../../src/probe/probe.ts'
import { verdictCases } from '../conformance/cases.ts'
import { replay } from '../conformance/replay.ts'
import { checkJudgement, type Expected } from '../conformance/suite.ts'
import { type Authority, makeAuthority } from '../servers/certificates.ts'
import { closedPort, openHostile } from '../servers/hostile.ts'
import { type Pgbouncer, pgbouncerFile, startPgbouncer } from '../servers/pgbouncer.ts'
import { type PostgresServer, postgres15, startPostgres } from '../servers/postgres.ts'
import { needs } from '../servers/require.ts'

const probe = anyProbe(postgres)
const RIGHT = 'right-password'
const WRONG = 'wrong-password'

async function attempt(target: Record<string, unknown>, username: string, password: string): Promise<Judgement> {
  const bound = probe.bind({ host: '127.0.0.1', tls: 'disable', database: 'postgres', ...target })
  return (await replay(bound, bound.secret({ username, password }))).judgement
}

/** Tries both passwords, so that an outcome that does not depend on the password cannot pass for one that does. */
function both(target: () => Record<string, unknown>, username: string, right: Expected, wrong: Expected) {
  return {
    expect: right,
    run: async () => {
      checkJudgement(await attempt(target(), username, RIGHT), right)
      checkJudgement(await attempt(target(), username, WRONG), wrong)
    },
  }
}

/** SCRAM: a role whose password is stored as an MD5 hash is told the same. Also PgBouncer, which has no code but a text. */
const REFUSED: Expected = { verdict: 'rejected', reason: 'invalid_credentials', strength: 'weak' }
const PROVEN: Expected = { ...REFUSED, strength: 'strong' }

const have15 = needs('postgresql-15', postgres15)
const havePgbouncer = needs('pgbouncer', pgbouncerFile)

describe.each([{ version: 18 as const }, ...(have15 ? [{ version: 15 as const }] : [])])('PostgreSQL $version', ({ version }) => {
  let authority: Authority
  let server: PostgresServer
  let crowded: PostgresServer
  let pooler: Pgbouncer | undefined
  let poolerMd5: Pgbouncer | undefined
  let poolerPlain: Pgbouncer | undefined
  const at =
    (more: Record<string, unknown> = {}) =>
    () => ({ port: server.port, ...more })
  const atTls =
    (more: Record<string, unknown> = {}) =>
    () => ({ port: server.port, tls: 'verify-full', ca: authority.file, ...more })
  const atPooler =
    (more: Record<string, unknown> = {}) =>
    () => ({ port: pooler?.port, database: 'app', ...more })

  beforeAll(async () => {
    authority = await makeAuthority()
    server = await startPostgres({
      version,
      tls: await authority.issue(['127.0.0.1', 'db.example']),
      clientCa: authority.cert,
      settings: { max_connections: 30 },
      hba: [
        'host all trusting 127.0.0.1/32 trust',
        'host all refused 127.0.0.1/32 reject',
        'host all md5er 127.0.0.1/32 md5',
        'host all clear 127.0.0.1/32 password',
        // The embedded build has no LDAP; a RADIUS server that is down is the same answer.
        version === 15
          ? `host all directory 127.0.0.1/32 ldap ldapserver=127.0.0.1 ldapport=${await closedPort()} ldapprefix="cn="`
          : `host all directory 127.0.0.1/32 radius radiusservers=127.0.0.1 radiussecrets=x radiusports=${await closedPort()}`,
        'host all idented 127.0.0.1/32 ident',
        'hostssl all certed 127.0.0.1/32 cert',
        'hostssl all certaswell 127.0.0.1/32 scram-sha-256 clientcert=verify-full',
        'hostssl tlsdb all 127.0.0.1/32 scram-sha-256',
        'host postgres,app,closed,private,missing all 127.0.0.1/32 scram-sha-256',
      ],
    })
    for (const name of ['app', 'closed', 'private', 'tlsdb']) await server.query(`create database ${name}`)
    await server.query(`
      create role leaver login password '${RIGHT}';
      create role stale login password '${RIGHT}';
      create role disabled nologin password '${RIGHT}';
      create role limited login password '${RIGHT}' connection limit 0;
      create role expired login password '${RIGHT}' valid until '2020-01-01';
      create role passwordless login;
      create role clear login password '${RIGHT}';
      create role trusting login; create role refused login password '${RIGHT}'; create role directory login; create role idented login;
      create role certed login; create role certaswell login password '${RIGHT}';
      set password_encryption = 'md5'; create role md5er login password '${RIGHT}'; create role md5stray login password '${RIGHT}';
      alter database closed allow_connections false;
      revoke connect on database private from public;
    `)
    crowded = await startPostgres({ version, settings: { max_connections: 6, superuser_reserved_connections: 2 } })
    await crowded.query(`create role leaver login password '${RIGHT}'`)
    if (havePgbouncer) await startPoolers()
  })
  afterAll(async () => {
    await Promise.all([pooler?.stop(), poolerMd5?.stop(), poolerPlain?.stop()])
    await Promise.all([server?.stop(), crowded?.stop()])
    authority?.remove()
  })

  async function startPoolers(): Promise<void> {
    const gone = await closedPort()
    const options = {
      databases: [
        `app = host=127.0.0.1 port=${server.port} dbname=app`,
        `gone = host=127.0.0.1 port=${gone}`,
        `forced = host=127.0.0.1 port=${server.port} dbname=app user=clear password=${RIGHT}`,
      ],
      users: { leaver: RIGHT, disabled: RIGHT, clear: RIGHT, stale: WRONG, md5er: `md5${hash('md5', `${RIGHT}md5er`)}` },
    }
    pooler = await startPgbouncer(options)
    poolerMd5 = await startPgbouncer({ ...options, settings: { auth_type: 'md5' } })
    poolerPlain = await startPgbouncer({ ...options, settings: { auth_type: 'plain' } })
  }

  async function crowd(users: readonly string[], check: () => Promise<void>): Promise<void> {
    const clients = users.map((user) => {
      const password = user === 'postgres' ? crowded.password : RIGHT
      const client = new pg.Client({ host: '127.0.0.1', port: crowded.port, database: 'postgres', user, password })
      client.on('error', () => {})
      return client
    })
    try {
      for (const client of clients) await client.connect()
      await check()
    } finally {
      await Promise.all(clients.map((client) => client.end()))
      await sleep(100)
    }
  }

  const POOLER = havePgbouncer ? undefined : { not: 'pgbouncer is not installed' }

  verdictCases(['PostgreSQL', 'PgBouncer', 'Any'], {
    v001: both(at(), 'leaver', { verdict: 'accepted', reason: 'authenticated', principal: 'leaver' }, REFUSED),
    v002: both(
      at(),
      'trusting',
      { verdict: 'inconclusive', reason: 'endpoint_unauthenticated' },
      { verdict: 'inconclusive', reason: 'endpoint_unauthenticated' },
    ),
    v004: both(at(), 'disabled', { verdict: 'rejected', reason: 'account_disabled', strength: 'strong' }, REFUSED),
    v005: both(
      at(),
      'refused',
      { verdict: 'inconclusive', reason: 'ip_blocked' },
      { verdict: 'inconclusive', reason: 'ip_blocked' },
    ),
    v006: {
      ...both(
        at({ database: 'tlsdb' }),
        'leaver',
        { verdict: 'inconclusive', reason: 'ip_blocked' },
        { verdict: 'inconclusive', reason: 'ip_blocked' },
      ),
    },
    v007: both(
      at(),
      'directory',
      { verdict: 'inconclusive', reason: 'upstream_unavailable', strength: 'weak' },
      { verdict: 'inconclusive', reason: 'upstream_unavailable', strength: 'weak' },
    ),
    v010: both(at({ database: 'closed' }), 'leaver', { verdict: 'accepted', reason: 'database_unavailable' }, REFUSED),
    v011: both(at(), 'limited', { verdict: 'accepted', reason: 'connection_limit' }, REFUSED),
    v012: {
      expect: { verdict: 'accepted', reason: 'connection_limit' },
      run: () =>
        crowd(['leaver', 'leaver', 'leaver', 'leaver'], async () => {
          const right = await attempt({ port: crowded.port }, 'leaver', RIGHT)
          checkJudgement(right, { verdict: 'accepted', reason: 'connection_limit' })
          expect(right.wire).toMatchObject({ sqlstate: '53300', stage: 'ok' })
          checkJudgement(await attempt({ port: crowded.port }, 'leaver', WRONG), REFUSED)
        }),
    },
    v013: {
      expect: { verdict: 'inconclusive', reason: 'connection_limit' },
      run: () =>
        crowd(['leaver', 'leaver', 'leaver', 'leaver', 'postgres', 'postgres'], async () => {
          for (const password of [RIGHT, WRONG]) {
            const judgement = await attempt({ port: crowded.port }, 'leaver', password)
            checkJudgement(judgement, { verdict: 'inconclusive', reason: 'connection_limit' })
            expect(judgement.wire).toMatchObject({ sqlstate: '53300', stage: 'start' })
          }
        }),
    },
    v014: {
      expect: { verdict: 'inconclusive', reason: 'server_error' },
      run: async () => {
        // A smart shutdown waits for its last session and turns everybody else away (57P03).
        const session = new pg.Client({ connectionString: crowded.url() })
        session.on('error', () => {})
        await session.connect()
        const { rows } = await session.query<{ pid: string }>(
          "select split_part(pg_read_file('postmaster.pid'), E'\\n', 1) as pid",
        )
        process.kill(Number(rows[0]?.pid), 'SIGTERM')
        try {
          await sleep(200)
          const judgement = await attempt({ port: crowded.port }, 'leaver', RIGHT)
          checkJudgement(judgement, { verdict: 'inconclusive', reason: 'server_error' })
          expect(judgement.wire).toMatchObject({ sqlstate: '57P03' })
        } finally {
          await session.end()
          await crowded.restart()
        }
      },
    },
    v015: {
      expect: { verdict: 'inconclusive', reason: 'secret_unavailable' },
      differs: 'an empty secret does not even reach the probe: the schema refuses it and the trial says secret_unavailable',
      run: async () => {
        const bound = probe.bind({ port: server.port, host: '127.0.0.1', database: 'postgres' })
        expect(() => bound.secret({ username: 'leaver', password: '' })).toThrow(
          expect.objectContaining({ code: 'SECRET_INVALID' }),
        )
      },
    },
    v016: {
      expect: { verdict: 'inconclusive', reason: 'tls_error' },
      run: async () => {
        const judgement = await attempt({ port: crowded.port, tls: 'verify-full' }, 'leaver', RIGHT)
        checkJudgement(judgement, { verdict: 'inconclusive', reason: 'tls_error' })
      },
    },
    v018: both(
      atTls(),
      'certed',
      { verdict: 'inconclusive', reason: 'tls_error' },
      { verdict: 'inconclusive', reason: 'tls_error' },
    ),
    v019: POOLER ?? {
      expect: REFUSED,
      run: async () => {
        checkJudgement(await attempt(atPooler()(), 'leaver', WRONG), REFUSED)
        checkJudgement(await attempt(atPooler()(), 'nobody-here', RIGHT), REFUSED)
        checkJudgement(await attempt(atPooler()(), 'leaver', RIGHT), {
          verdict: 'accepted',
          reason: 'authenticated',
          principal: 'leaver',
        })
      },
    },
    v020:
      POOLER ??
      both(atPooler({ database: 'missing' }), 'leaver', { verdict: 'accepted', reason: 'database_unavailable' }, REFUSED),
    v021:
      POOLER ??
      both(
        atPooler({ database: 'gone' }),
        'leaver',
        { verdict: 'accepted', reason: 'upstream_unavailable', strength: 'weak' },
        REFUSED,
      ),
    v022: POOLER ?? both(atPooler(), 'disabled', { verdict: 'rejected', reason: 'account_disabled', strength: 'weak' }, REFUSED),
    v699: {
      expect: { verdict: 'inconclusive', reason: 'unreachable' },
      run: async () => {
        checkJudgement(await attempt({ port: await closedPort() }, 'leaver', RIGHT), {
          verdict: 'inconclusive',
          reason: 'unreachable',
        })
        // The table's other codes cannot be had on the loopback: the translation is what is left to test.
        for (const code of ['EHOSTUNREACH', 'ENETUNREACH', 'ENOTFOUND', 'EAI_AGAIN']) {
          expect(judgeFailure(Object.assign(new Error(), { code }), false)).toMatchObject({
            verdict: 'inconclusive',
            reason: 'unreachable',
          })
        }
      },
    },
    v701: {
      expect: { verdict: 'inconclusive', reason: 'protocol_error' },
      run: async () => {
        const listener = await openHostile((socket) => socket.write('HTTP/1.1 400 Bad Request\r\n\r\n'))
        const judgement = await attempt({ port: listener.port }, 'leaver', RIGHT)
        await listener.stop()
        checkJudgement(judgement, { verdict: 'inconclusive', reason: 'protocol_error' })
      },
    },
    v702: {
      expect: { verdict: 'inconclusive', reason: 'client_error' },
      run: async () => {
        const judgement = await attempt({ port: server.port, tls: 'verify-full', ca: '/nonexistent/ca.pem' }, 'leaver', RIGHT)
        checkJudgement(judgement, { verdict: 'inconclusive', reason: 'client_error' })
      },
    },
  })

  const MORE: Record<string, { target?: () => Record<string, unknown>; username: string; right: Expected; wrong?: Expected }> = {
    MD5: { username: 'md5er', right: { verdict: 'accepted', reason: 'authenticated' }, wrong: PROVEN },
    'cleartext over TLS': {
      target: atTls(),
      username: 'clear',
      right: { verdict: 'accepted', reason: 'authenticated' },
      wrong: PROVEN,
    },
    'cleartext in clear, where the target spells it': {
      username: 'clear',
      right: { verdict: 'accepted', reason: 'authenticated' },
      wrong: PROVEN,
    },
    'SCRAM over TLS': { target: atTls(), username: 'leaver', right: { verdict: 'accepted', reason: 'authenticated' } },
    'a name of its own in the certificate': {
      target: atTls({ servername: 'db.example' }),
      username: 'leaver',
      right: { verdict: 'accepted', reason: 'authenticated' },
    },
    'TLS that nobody verifies': {
      target: at({ tls: 'insecure' }),
      username: 'leaver',
      right: { verdict: 'accepted', reason: 'authenticated' },
    },
    'no such database': {
      target: at({ database: 'missing' }),
      username: 'leaver',
      right: { verdict: 'accepted', reason: 'database_unavailable' },
    },
    'no CONNECT privilege': {
      target: at({ database: 'private' }),
      username: 'leaver',
      right: { verdict: 'accepted', reason: 'insufficient_privilege' },
    },
    // Alive wherever a line of pg_hba.conf says md5: why a refusal by SCRAM is weak.
    'a role with an MD5 hash and a line that wants SCRAM': { username: 'md5stray', right: REFUSED },
    'a role without password': { username: 'passwordless', right: REFUSED },
    'VALID UNTIL in the past': { username: 'expired', right: REFUSED },
    'ident without an ident server': {
      username: 'idented',
      right: { verdict: 'inconclusive', reason: 'upstream_unavailable', strength: 'weak' },
      wrong: { verdict: 'inconclusive', reason: 'upstream_unavailable', strength: 'weak' },
    },
    'a client certificate beside the password': {
      target: atTls(),
      username: 'certaswell',
      right: { verdict: 'inconclusive', reason: 'tls_error' },
      wrong: { verdict: 'inconclusive', reason: 'tls_error' },
    },
  }
  it.each(Object.entries(MORE))('%s', async (_, { target = at(), username, right, wrong = REFUSED }) => {
    await both(target, username, right, wrong).run()
  })

  it.each([
    ['accents', 'pässwörd-Ñ'],
    ['a ligature that NFKC takes apart', 'ef\ufb01cient'],
    ['a no-break space', 'two\u00a0words'],
    ['a soft hyphen', 'soft\u00adhyphen'],
    ['full-width letters', '\uff41\uff42\uff43'],
    ['an emoji', 'pass\u{1f600}word'],
  ])('a password with %s', async (_, password) => {
    await server.query(`alter role leaver password '${password}'`)
    try {
      checkJudgement(await attempt(at()(), 'leaver', password), { verdict: 'accepted', reason: 'authenticated' })
      checkJudgement(await attempt(at()(), 'leaver', WRONG), REFUSED)
    } finally {
      await server.query(`alter role leaver password '${RIGHT}'`)
    }
  })

  it('does not reject a password that the server may have normalised otherwise', async () => {
    // The emoji is newer than Unicode 3.2: PostgreSQL then leaves the whole password as it is, the ligature included.
    await server.query("alter role leaver password '\u{1f600}\ufb01'")
    try {
      const judgement = await attempt(at()(), 'leaver', '\u{1f600}\ufb01')
      expect(judgement.verdict, JSON.stringify(judgement)).not.toBe('rejected')
    } finally {
      await server.query(`alter role leaver password '${RIGHT}'`)
    }
  })

  it('leaves no session behind', async () => {
    await attempt(at()(), 'md5er', RIGHT)
    await expect.poll(() => server.query("select pid from pg_stat_activity where usename = 'md5er'")).toEqual([])
  })

  describe.skipIf(!havePgbouncer)(havePgbouncer ? 'PgBouncer' : 'PgBouncer: not installed', () => {
    it.each(['md5', 'plain'])('auth_type %s', async (type) => {
      const port = (type === 'md5' ? poolerMd5 : poolerPlain)?.port
      checkJudgement(await attempt({ port, database: 'app' }, 'leaver', RIGHT), { verdict: 'accepted', reason: 'authenticated' })
      checkJudgement(await attempt({ port, database: 'app' }, 'leaver', WRONG), REFUSED)
      checkJudgement(await attempt({ port, database: 'app' }, 'nobody-here', WRONG), REFUSED)
      for (const database of ['missing', 'gone']) {
        const judgement = await attempt({ port, database }, 'leaver', RIGHT)
        expect(judgement.verdict, `${database} ${JSON.stringify(judgement)}`).not.toBe('rejected')
        const refused = await attempt({ port, database }, 'leaver', WRONG)
        expect(refused.verdict, `${database} ${JSON.stringify(refused)}`).not.toBe('accepted')
      }
    })

    it('a right password that its file has as an MD5 hash, asked for SCRAM: the same text, before the password is out', async () => {
      const judgement = await attempt({ port: pooler?.port, database: 'app' }, 'md5er', RIGHT)
      checkJudgement(judgement, { verdict: 'inconclusive', reason: 'ambiguous' })
      expect(judgement.wire).toMatchObject({ stage: 'challenged', sqlstate: '08P01' })
      checkJudgement(await attempt({ port: poolerMd5?.port, database: 'app' }, 'md5er', RIGHT), {
        verdict: 'accepted',
        reason: 'authenticated',
      })
    })

    it('a right password that its file does not have yet: the text of a wrong one', async () => {
      checkJudgement(await attempt({ port: pooler?.port, database: 'app' }, 'stale', RIGHT), REFUSED)
      checkJudgement(await attempt(at({ database: 'app' })(), 'stale', RIGHT), { verdict: 'accepted', reason: 'authenticated' })
    })

    it('a user that the pooler logs in as somebody else', async () => {
      const judgement = await attempt({ port: pooler?.port, database: 'forced' }, 'leaver', RIGHT)
      checkJudgement(judgement, { verdict: 'accepted', reason: 'authenticated' })
    })
  })
})
