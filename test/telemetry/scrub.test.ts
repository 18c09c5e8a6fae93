import { Writable } from 'node:stream'
import pg from 'pg'
import { describe, expect, it } from 'vitest'
import { RevenantError } from '../../src/domain/error.ts'
import { describeError } from '../../src/telemetry/error-fields.ts'
import { type Logger, openLogger } from '../../src/telemetry/logger.ts'
import { prettyLine } from '../../src/telemetry/pretty.ts'
import { namesSecret, sanitise } from '../../src/telemetry/sanitise.ts'
import { scrubText } from '../../src/telemetry/scrub.ts'

/** The marked secret: no test output below may hold any piece of it. */
const MARK = 'Zq7mark3dSecretZq7'

describe('keys that name a secret', () => {
  it.each([
    'password',
    'Password',
    'db_password',
    'passphrase',
    'token',
    'refresh_token',
    'accessToken',
    'secret',
    'clientSecret',
    'authorization',
    'Proxy-Authorization',
    'cookie',
    'Set-Cookie',
    'privateKey',
    'private_key',
    'x-api-key',
    'PRIVATE-TOKEN',
    'connectionString',
    'jwt',
    'client_assertion',
  ])('%s', (key) => {
    expect(namesSecret(key)).toBe(true)
    expect(JSON.stringify(sanitise({ a: [{ b: { [key]: MARK } }] }))).not.toContain(MARK)
    expect(JSON.stringify(sanitise({ [key]: { inner: [MARK] } }))).not.toContain(MARK)
  })
  it.each([
    'system',
    'verdict',
    'reason',
    'credential',
    'credentialId',
    'principal',
    'code',
    'trace_id',
    'count',
    'tokenizer',
    'keyRing',
    'latencyMs',
  ])('not %s', (key) => {
    expect(sanitise({ [key]: 'x1' })).toEqual({ [key]: 'x1' })
  })
})

describe('texts', () => {
  it.each([
    [`postgres://u:${MARK}@db:5432/x`, 'postgres://[redacted]@db:5432/x'],
    [`postgres://u:p@${MARK}@db/x`, 'postgres://[redacted]@db/x'],
    [`GET https://api.example.com/v1/me?access_token=${MARK}&a=1 failed`, 'GET https://api.example.com/v1/me?[redacted] failed'],
    [`https://h/cb#id_token=${MARK}`, 'https://h/cb?[redacted]'],
    [`Authorization: Basic ${MARK}`, 'Authorization: [redacted]'],
    [`sent Bearer ${MARK} to x`, 'sent Bearer [redacted] to x'],
    [`sent Basic ${MARK}=`, 'sent Basic [redacted]'],
    [`host=db password=${MARK} user=u`, 'host=db password=[redacted] user=u'],
    [`{"password":"${MARK} ${MARK}"}`, '{"password":[redacted]}'],
    [`client_secret='${MARK}'`, 'client_secret=[redacted]'],
    [`x ghp_${MARK} y`, 'x [redacted] y'],
    [`eyJhbGciOiJIUzI1NiJ9.${MARK}.${MARK}`, '[redacted]'],
    [`-----BEGIN OPENSSH PRIVATE KEY-----\n${MARK}\n-----END OPENSSH PRIVATE KEY----- tail`, '[redacted] tail'],
    [`-----BEGIN PRIVATE KEY-----\n${MARK}`, '[redacted]'],
  ])('%s', (text, expected) => {
    expect(scrubText(text)).toBe(expected)
  })
  it.each([
    'postgres://db.internal:5432',
    'the token is refused: check the key ring',
    'Basic authentication is off',
    'mail ops@example.com',
  ])('leaves alone: %s', (text) => {
    expect(scrubText(text)).toBe(text)
  })
  it.each(['a', '://', 'password', '-----BEGIN ', 'eyJaaaaaaaa.', 'Bearer ', 'a-'])('is fast on a long run of %j', (piece) => {
    const text = piece.repeat(200_000 / piece.length)
    const before = performance.now()
    expect(scrubText(text).length).toBeLessThan(60_000)
    expect(performance.now() - before).toBeLessThan(500)
  })
})

describe('values', () => {
  it('survives whatever it is handed', () => {
    const circle: Record<string, unknown> = {
      a: 1n,
      f: () => 1,
      m: new Map([['password', MARK]]),
      s: new Set([MARK]),
      b: Buffer.from(MARK),
      d: new Date(0),
      n: null,
      u: undefined,
    }
    circle.self = circle
    const boxed = { toJSON: () => '[secret]' }
    const broken = {
      get value() {
        throw new Error(MARK)
      },
    }
    const shown = JSON.stringify(
      sanitise({
        circle,
        boxed,
        broken,
        url: new URL(`https://u:${MARK}@h/?q=${MARK}`),
        when: Temporal.Instant.from('2026-01-02T03:04:05Z'),
      }),
    )
    expect(shown).not.toContain(MARK)
    expect(JSON.parse(shown)).toMatchObject({
      circle: { a: '1', self: '[circular]', b: '[18 bytes]', d: '1970-01-01T00:00:00.000Z' },
      boxed: '[secret]',
      broken: '[unreadable]',
      when: '2026-01-02T03:04:05Z',
    })
  })
})

describe('errors', () => {
  const thrownBy = (action: () => unknown): Error => {
    try {
      action()
    } catch (error) {
      if (error instanceof Error) return error
    }
    throw new Error('nothing was thrown')
  }
  it('shows ours whole, and its cause without its words', () => {
    const cause = new pg.DatabaseError(`password authentication failed for "${MARK}"`, 1, 'error')
    Object.assign(cause, { code: '28P01', severity: 'FATAL', routine: 'auth_failed', detail: MARK })
    const shown = describeError(
      new RevenantError('DATABASE_UNAVAILABLE', 'the database refuses us: check database.url', { cause }),
    )
    expect(shown).toMatchObject({
      name: 'RevenantError',
      code: 'DATABASE_UNAVAILABLE',
      message: 'the database refuses us: check database.url',
      cause: { code: '28P01', severity: 'FATAL', routine: 'auth_failed' },
    })
    expect(shown.stack).toMatch(/^ {4}at .*scrub\.test\.ts/)
    expect(JSON.stringify(shown)).not.toContain(MARK)
  })
  it.each([
    ['a header value', () => new Headers({ a: `${MARK}\n${MARK}` })],
    ['a URL', () => new URL(`//${MARK}`)],
    ['JSON', () => JSON.parse(MARK)],
    ['a big integer', () => BigInt(MARK)],
    ['an argument', () => new TextDecoder(MARK)],
    ['an instant', () => Temporal.Instant.from(MARK)],
    [
      'a driver',
      () => {
        throw Object.assign(new Error(`wrong password ${MARK}`), {
          code: 'ER_ACCESS',
          name: 'DriverError',
          config: { password: MARK },
        })
      },
    ],
    [
      'a code that is no code',
      () => {
        throw Object.assign(new Error('x'), { code: `bad ${MARK}`, name: `E ${MARK}` })
      },
    ],
    [
      'several',
      () => {
        throw new AggregateError([new Error(MARK)], MARK)
      },
    ],
  ])('withholds what %s could quote', (_what, action) => {
    const shown = describeError(thrownBy(action))
    expect(JSON.stringify(shown)).not.toContain(MARK)
    expect(shown.stack).toContain('    at ')
  })
  it("keeps the engine's own complaint", () => {
    const none: { a: { b: string } } = JSON.parse('{}')
    expect(describeError(thrownBy(() => none.a.b)).message).toBe("Cannot read properties of undefined (reading 'b')")
  })
  it('keeps what the network says', () => {
    const error = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:1'), {
      code: 'ECONNREFUSED',
      syscall: 'connect',
      address: '127.0.0.1',
      port: 1,
    })
    expect(describeError(error)).toMatchObject({ code: 'ECONNREFUSED', syscall: 'connect', address: '127.0.0.1', port: 1 })
  })
})

describe('the log', () => {
  const open = (level: 'info' | 'debug' = 'info') => {
    const lines: string[] = []
    return { lines, logger: openLogger({ level, fields: { instance: 'a' }, write: (line) => void lines.push(line) }) }
  }
  it.each<[string, (log: Logger) => void]>([
    ['fields', (log) => log.info({ deep: { er: [{ password: MARK }] } }, 'x')],
    ['messages', (log) => log.info(`token=${MARK}`)],
    ['messages beside fields', (log) => log.info({ a: 1 }, `token=${MARK}`)],
    ['child fields', (log) => log.child({ headers: { authorization: MARK } }).info('x')],
    ['errors', (log) => log.error({ err: new Error(MARK) }, 'x')],
    ['errors under other names', (log) => log.error({ reason: new Error(MARK) }, 'x')],
  ])('keeps secrets out of %s', (_where, write) => {
    const { lines, logger } = open()
    write(logger)
    expect(lines).toHaveLength(1)
    expect(lines.join('')).not.toContain(MARK)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ instance: 'a', time: expect.stringMatching(/^\d{4}-.*Z$/) })
  })
  it('writes one flat object a line, with the trace ids of its child', () => {
    const { lines, logger } = open()
    logger.child({ trace_id: 'ab', span_id: 'cd' }).warn({ system: 's', level: 'mine', msg: 'mine' }, 'two\nlines')
    logger.debug('unseen')
    expect(lines).toHaveLength(1)
    expect(lines[0]).toMatch(/^\{.*\}\n$/)
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'warn',
      msg: 'two\nlines',
      trace_id: 'ab',
      span_id: 'cd',
      system: 's',
      level_: 'mine',
      msg_: 'mine',
    })
  })
  it('describes an error once, in our words', () => {
    const { lines, logger } = open()
    logger.error({ err: new RevenantError('INTERNAL', 'why') }, 'x')
    expect(Object.keys(JSON.parse(lines[0] ?? '').err).sort()).toEqual(['code', 'message', 'name', 'stack'])
  })
  it('is readable on a terminal, and the terminal obeys nobody', () => {
    const { lines, logger } = open()
    logger.error({ err: new RevenantError('INTERNAL', 'why'), system: 's\u001b[2J' }, 'bad\u001b]0;x\u0007 news')
    const shown = prettyLine(lines[0] ?? '', new Writable())
    expect(shown).toMatch(/^\d\d:\d\d:\d\d\.\d{3} ERROR bad·\]0;x· news system=s·\[2J\n {4}RevenantError INTERNAL: why\n {4}at /)
    expect(prettyLine('no json\n', new Writable())).toBe('no json\n')
  })
})
