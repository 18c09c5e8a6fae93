import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Judgement } from '../../src/domain/answer.ts'
import type { Decoy } from '../../src/domain/control.ts'
import { RevenantError } from '../../src/domain/error.ts'
import { type Reason, reasonFits } from '../../src/domain/reason.ts'
import type { Strength, Verdict } from '../../src/domain/verdict.ts'
import type { AnyProbe } from '../../src/probe/probe.ts'
import { type Authority, makeAuthority } from '../servers/certificates.ts'
import { closedPort, type HostileListener, type HostileTls, openHostile, type Preamble } from '../servers/hostile.ts'
import { eventually, openHandles } from './handles.ts'
import { certificateFor, HOSTILE_CASES, type HostileCase, type Meeting, type Shown } from './hostileCases.ts'
import { marksOf, type Replayed, type ReplayOptions, replay } from './replay.ts'

/** What every probe is asked on a real server. */
export const REAL_CASES = [
  'valid',
  'wrong secret',
  'unknown principal',
  'disabled account',
  'locked account',
  'expired account',
  'open server',
] as const
export type RealCase = (typeof REAL_CASES)[number]

/** What must be answered. Left-out fields are not looked at. */
export interface Expected {
  verdict: Verdict
  reason: Reason | readonly Reason[]
  strength?: Strength
  principal?: string
}

/** A case that the row's real servers can show: who tries what, and what must come of it. */
export interface Given<World> {
  secret: (world: World) => unknown
  /** Another target than the row's. */
  target?: (world: World) => unknown
  expect: Expected
}

/** A case that this kind of system has no such thing of, and why. */
export interface NotHere {
  not: string
}

/** Where a hostile server of the suite listens, and what the target must say about it. */
export interface Place {
  host: string
  port: number
  /** `verify`: the target must demand TLS that the authority vouches for. `none`: it must spell that there is no TLS. */
  tls: 'verify' | 'none'
  ca: { file: string; pem: string }
}

/** One row of the suite: a probe, a real server for it and what is special about it. */
export interface ConformanceRow<World extends { stop(): Promise<void> }> {
  probe: AnyProbe
  /** Tells rows of the same probe apart. */
  name?: string
  /**
   * Secrets of the right shape, one of each form that the schema allows, for servers that are not real. Empty in a further row of
   * the same probe: it then shows its real server only.
   */
  samples: readonly unknown[]
  /** Fields of a secret that are no secret: `username`. */
  publicFields: readonly string[]
  /** The target for a hostile server, or undefined where the protocol has no such thing (TLS under SSH). */
  at(place: Place): unknown
  /** What the server says in clear before TLS begins. */
  preamble?: Preamble
  /** True for probes that speak HTTP: they are shown pages, too. */
  http?: boolean
  /** Hostile cases that do not apply, each with the reason. */
  except?: Readonly<Record<string, string>>
  /** Says which real server is missing on this machine: its half is then skipped under that name. */
  missing?: string | undefined
  start(): Promise<World>
  target(world: World): unknown
  cases: Readonly<Record<RealCase, Given<World> | NotHere>>
  /** What a decoy gets when it is tried; by default it must be rejected (`nobody` and others may also be undefined). */
  decoys?: Partial<Record<Decoy, Expected>>
  /** Kept for every attempt on the real server: a pinned host key. */
  options?: (world: World) => ReplayOptions
}

/** Registers the whole table for one probe. */
export function conformance<World extends { stop(): Promise<void> }>(row: ConformanceRow<World>): void {
  describe(`conformance of ${row.probe.kind}${row.name === undefined ? '' : ` (${row.name})`}`, () => {
    if (row.samples.length > 0) {
      describeSchemas(row)
      describeHostile(row)
    }
    describe.skipIf(row.missing !== undefined)(
      row.missing === undefined ? 'a real server' : `a real server: ${row.missing} is missing`,
      () => describeReal(row),
    )
  })
}

function describeSchemas<World extends { stop(): Promise<void> }>(row: ConformanceRow<World>): void {
  describe('what it is given', () => {
    const place: Place = { host: '127.0.0.1', port: 9, tls: 'none', ca: { file: '/nonexistent', pem: '' } }
    const target = () => z.record(z.string(), z.unknown()).parse(row.at(place) ?? row.at({ ...place, tls: 'verify' }))

    it('refuses an unknown key in a target', () => {
      expect(row.probe.targetSchema.safeParse({ ...target(), surprise: 1 }).success).toBe(false)
    })
    for (const [index, sample] of row.samples.entries()) {
      it(`refuses empty and unknown fields of secret form ${index + 1} before the wire, and does not quote them`, () => {
        const bound = row.probe.bind(target())
        const fields = z.record(z.string(), z.unknown()).parse(sample)
        const spoilt = Object.keys(fields).map((name) => ({ ...fields, [name]: '' }))
        for (const secret of [...spoilt, { ...fields, surprise: 'x' }, {}, '', null]) {
          const error = thrownBy(() => bound.secret(secret))
          expect(error).toBeInstanceOf(RevenantError)
          expect(error).toMatchObject({ code: 'SECRET_INVALID' })
          for (const mark of marksOf(sample, row.publicFields)) expect(String(error)).not.toContain(mark)
        }
      })
    }
  })
}

function describeHostile<World extends { stop(): Promise<void> }>(row: ConformanceRow<World>): void {
  describe('servers that do not play along', () => {
    let trusted: Authority
    let other: Authority
    beforeAll(async () => {
      trusted = await makeAuthority()
      other = await makeAuthority('Somebody else')
    })
    afterAll(() => {
      trusted?.remove()
      other?.remove()
    })
    const placeOf = (port: number, meeting: Meeting): Place => ({
      host: '127.0.0.1',
      port,
      tls: meeting === 'clear' ? 'none' : 'verify',
      ca: { file: trusted.file, pem: trusted.cert },
    })
    const showing = async (shows: Shown): Promise<HostileTls> => ({
      certificate: await certificateFor(shows, trusted, other),
      ...(row.preamble === undefined ? {} : { preamble: row.preamble }),
    })
    const hostile = async (of: HostileCase, meeting: Meeting, check: (listener: HostileListener) => Promise<void>) => {
      const listener = await openHostile(of.behave, meeting === 'tls' ? await showing(of.shows ?? 'right') : undefined)
      try {
        await check(listener)
      } finally {
        await listener.stop()
      }
    }
    const speaks = (meeting: Meeting) =>
      row.at({ host: '127.0.0.1', port: 9, tls: meeting === 'clear' ? 'none' : 'verify', ca: { file: '', pem: '' } }) !==
      undefined

    for (const [index, sample] of row.samples.entries()) {
      const form = row.samples.length > 1 ? ` (secret form ${index + 1})` : ''
      const marks = marksOf(sample, row.publicFields)
      const tryAt = async (port: number, meeting: Meeting, options: ReplayOptions) => {
        const bound = row.probe.bind(row.at(placeOf(port, meeting)))
        const replayed = await replay(bound, bound.secret(sample), options)
        checkSilence(replayed, marks)
        return replayed
      }

      it(`server down${form}`, async () => {
        const { judgement } = await tryAt(await closedPort(), speaks('clear') ? 'clear' : 'unmet', {})
        checkJudgement(judgement, { verdict: 'inconclusive', reason: 'unreachable' })
      })

      it(`aborted before it begins${form}`, async () => {
        await hostile({ behave: (socket) => void socket.resume(), meetings: [] }, 'clear', async (listener) => {
          const { judgement, elapsedMs } = await tryAt(listener.port, speaks('clear') ? 'clear' : 'unmet', { timeoutMs: 0 })
          checkJudgement(judgement, { verdict: 'inconclusive', reason: 'timeout' })
          expect(elapsedMs).toBeLessThan(1_000)
          expect(listener.received().length).toBe(0)
        })
      })

      for (const [name, of] of Object.entries(HOSTILE_CASES)) {
        if (of.http === true && row.http !== true) continue
        const excuse = row.except?.[name]
        for (const meeting of of.meetings.filter(speaks)) {
          const title = `${name}, ${MEETINGS[meeting]}${form}`
          if (excuse !== undefined) {
            it.skip(`${title}: ${excuse}`)
            continue
          }
          it(title, () =>
            hostile(of, meeting, async (listener) => {
              const timeoutMs = of.timeoutMs ?? 5_000
              const { judgement, elapsedMs } = await tryAt(listener.port, meeting, { timeoutMs })
              checkJudgement(judgement, { verdict: 'inconclusive', reason: of.reasons ?? judgement.reason })
              if (of.retryAfterMs !== undefined) expect(judgement.retryAfterMs).toBe(of.retryAfterMs)
              // Ends when told to: the abort reaches the socket.
              expect(elapsedMs).toBeLessThan(timeoutMs + 1_500)
              if (of.shows !== undefined || meeting === 'unmet') checkUnsent(listener.received(), marks)
              await eventually('the probe closed its connection', () => listener.open() === 0)
            }),
          )
        }
      }
    }
  })
}

const MEETINGS: Readonly<Record<Meeting, string>> = { clear: 'no TLS', tls: 'over TLS', unmet: 'TLS wanted and not spoken' }

function describeReal<World extends { stop(): Promise<void> }>(row: ConformanceRow<World>): void {
  let world: World
  beforeAll(async () => {
    world = await row.start()
  })
  afterAll(async () => {
    await world?.stop()
  })
  const optionsOf = () => row.options?.(world) ?? {}

  for (const name of REAL_CASES) {
    const given = row.cases[name]
    if ('not' in given) {
      it.skip(`${name}: ${given.not}`)
      continue
    }
    it(name, async () => {
      const bound = row.probe.bind((given.target ?? row.target)(world))
      const secret = given.secret(world)
      const before = openHandles()
      const replayed = await replay(bound, bound.secret(secret), optionsOf())
      checkSilence(replayed, marksOf(secret, row.publicFields))
      checkJudgement(replayed.judgement, given.expect)
      await eventually('every socket and timer is gone', () => openHandles() <= before)
    })
  }

  const { valid } = row.cases
  if ('not' in valid) return
  for (const decoy of ['nobody', 'stranger', 'same-principal'] as const) {
    it(`decoy ${decoy}`, async () => {
      const bound = row.probe.bind((valid.target ?? row.target)(world))
      const real = bound.secret(valid.secret(world))
      const made = real.decoy(decoy)
      if (made === undefined) {
        expect(row.decoys?.[decoy], `${decoy} was to be tried`).toBeUndefined()
        return
      }
      if (decoy === 'same-principal') expect(made.account).toBe(real.account)
      else if (made.account !== undefined) expect(made.account).not.toBe(real.account)
      const { judgement, thrown } = await replay(bound, made, optionsOf())
      expect(thrown).toBeUndefined()
      checkJudgement(judgement, row.decoys?.[decoy] ?? { verdict: 'rejected', reason: judgement.reason })
    })
  }
}

/** Holds a judgement against what was expected and against the rules that hold for every judgement. */
export function checkJudgement(judgement: Judgement, expected: Expected): void {
  const reasons = typeof expected.reason === 'string' ? [expected.reason] : expected.reason
  expect(judgement, JSON.stringify(judgement)).toMatchObject({
    verdict: expected.verdict,
    reason: expect.toBeOneOf([...reasons]),
  })
  if (expected.strength !== undefined) expect(judgement.strength, JSON.stringify(judgement)).toBe(expected.strength)
  if (expected.principal !== undefined) expect(judgement.principal).toBe(expected.principal)
  expect(reasonFits(judgement.verdict, judgement.reason), `${judgement.reason} beside ${judgement.verdict}`).toBe(true)
  expect(Object.values(judgement.wire).every((fact) => typeof fact === 'string' || typeof fact === 'number')).toBe(true)
}

/** No secret in anything that an attempt hands back or throws. */
export function checkSilence(replayed: Replayed, marks: readonly string[]): void {
  for (const mark of marks) expect(replayed.text.includes(mark), 'a secret in an answer or an error').toBe(false)
}

function checkUnsent(received: Buffer, marks: readonly string[]): void {
  for (const mark of marks) expect(received.includes(mark), 'a secret sent to a server that had not proved itself').toBe(false)
}

function thrownBy(run: () => unknown): unknown {
  try {
    run()
  } catch (error) {
    return error
  }
  return undefined
}
