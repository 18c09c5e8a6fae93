import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import { afterAll, describe, expect, it } from 'vitest'
import { openBox } from '../../src/custody/box.ts'
import type { Judgement } from '../../src/domain/answer.ts'
import type { Answer, AttemptContext, BoundSecret } from '../../src/probe/probe.ts'
import { type AttemptOptions, attempt } from '../../src/scan/attempt.ts'

const http = new Agent()
afterAll(() => http.close())

const REJECTED: Judgement = { verdict: 'rejected', reason: 'token_invalid', strength: 'strong', wire: { status: 401 } }

function secretThat(ask: (context: AttemptContext) => Promise<Judgement>): BoundSecret {
  return { account: undefined, expects: undefined, form: '', spends: undefined, decoy: () => undefined, attempt: ask }
}

function options(fields: Partial<AttemptOptions> = {}): AttemptOptions {
  return { timeoutMs: 1_000, http, attribution: 'revenant/test', pinnedPeer: undefined, running: new Set(), ...fields }
}

describe('attempt', () => {
  it('answers what the probe answers, with the time that it took, and leaves nothing running', async () => {
    const running = new Set<AbortController>()
    const judgement = await attempt(
      secretThat(async () => {
        expect(running.size).toBe(1)
        await sleep(30)
        return REJECTED
      }),
      options({ running }),
    )
    expect(judgement).toMatchObject(REJECTED)
    expect(judgement.latencyMs).toBeGreaterThanOrEqual(28)
    expect(running.size).toBe(0)
  })

  it.each([
    ['rejects', () => Promise.reject(new Error('boom'))],
    [
      'throws before its first await',
      () => {
        throw new Error('boom')
      },
    ],
    ['rejects with no error at all', () => Promise.reject('boom')],
  ])('is inconclusive where the probe %s', async (_name, ask: () => Promise<Judgement>) => {
    const judgement = await attempt(secretThat(ask), options())
    expect(judgement.verdict).toBe('inconclusive')
    expect(JSON.stringify(judgement)).not.toContain('boom')
  })

  it('is a time-out once the time is up, and the probe is told', async () => {
    let told: unknown
    const judgement = await attempt(
      secretThat(
        ({ signal }) =>
          new Promise((_resolve, reject) =>
            signal.addEventListener('abort', () => {
              told = signal.reason
              reject(signal.reason)
            }),
          ),
      ),
      options({ timeoutMs: 40 }),
    )
    expect(judgement).toMatchObject({ verdict: 'inconclusive', reason: 'timeout' })
    expect(told).toMatchObject({ name: 'TimeoutError' })
    expect(judgement.latencyMs).toBeLessThan(1_000)
  })

  it('gives a probe up that does not listen', async () => {
    const judgement = await attempt(
      secretThat(() => new Promise(() => {})),
      options({ timeoutMs: 20 }),
    )
    expect(judgement).toMatchObject({ verdict: 'inconclusive', reason: 'timeout' })
    expect(judgement.latencyMs).toBeGreaterThan(1_900)
  })

  it('believes an answer that came in the moment of the abort', async () => {
    const judgement = await attempt(
      secretThat(({ signal }) => new Promise((resolve) => signal.addEventListener('abort', () => resolve(REJECTED)))),
      options({ timeoutMs: 20 }),
    )
    expect(judgement).toMatchObject(REJECTED)
  })

  it('is inconclusive, and no time-out, where the trial is stopped', async () => {
    const running = new Set<AbortController>()
    const asked = attempt(
      secretThat(
        ({ signal }) => new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
      ),
      options({ running }),
    )
    for (const controller of running) controller.abort(new Error('stop'))
    expect(await asked).toMatchObject({ verdict: 'inconclusive' })
    expect((await asked).reason).not.toBe('timeout')
  })

  it('hands the probe what it needs, and the pinned peer only where there is one', async () => {
    const seen: AttemptContext[] = []
    const secret = secretThat(async (context) => {
      seen.push(context)
      return REJECTED
    })
    await attempt(secret, options())
    await attempt(secret, options({ pinnedPeer: 'SHA256:x' }))
    expect(seen.map((context) => Object.keys(context).toSorted())).toEqual([
      ['attribution', 'http', 'reference', 'sent', 'signal'],
      ['attribution', 'http', 'pinnedPeer', 'reference', 'sent', 'signal'],
    ])
    expect(seen[0]?.attribution).toBe('revenant/test')
  })
})

describe('an attempt that may spend its secret', () => {
  const spending = (ask: (context: AttemptContext) => Promise<Answer>): BoundSecret => ({
    ...secretThat(ask),
    spends: { refreshToken: 'one' },
  })
  /** Answers after a while, or ends with its signal. */
  const slow = (context: AttemptContext, ms: number, answer: Answer) =>
    new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => resolve(answer), ms)
      context.signal.addEventListener('abort', () => {
        clearTimeout(timer)
        reject(context.signal.reason)
      })
    })

  it('boxes the successor', async () => {
    const judgement = await attempt(
      spending(async () => ({ ...REJECTED, rotated: { refreshToken: 'the successor' } })),
      options(),
    )
    expect(JSON.stringify(judgement)).not.toContain('the successor')
    expect(judgement.rotated).toBeDefined()
    if (judgement.rotated !== undefined) expect(openBox(judgement.rotated)).toEqual({ refreshToken: 'the successor' })
  })

  it('is waited for once the message is out, whoever says stop', async () => {
    const running = new Set<AbortController>()
    const waiting = attempt(
      spending((context) => {
        context.sent?.()
        return slow(context, 200, { ...REJECTED, rotated: { refreshToken: 'the successor' } })
      }),
      options({ timeoutMs: 50, running }),
    )
    for (const controller of running) controller.abort(new Error('the daemon stops'))
    const judgement = await waiting
    expect(judgement).toMatchObject(REJECTED)
    expect(judgement.rotated).toBeDefined()
    expect(running.size).toBe(0)
  })

  it('has not spent it where it never went out, and may have where it did', async () => {
    const unsent = await attempt(
      spending((context) => slow(context, 5_000, REJECTED)),
      options({ timeoutMs: 30 }),
    )
    expect(unsent).toMatchObject({ verdict: 'inconclusive', reason: 'timeout' })
    expect(unsent.spent).toBeUndefined()
    const lost = await attempt(
      spending(async (context) => {
        context.sent?.()
        throw Object.assign(new Error('reset'), { code: 'ECONNRESET' })
      }),
      options(),
    )
    expect(lost).toMatchObject({ verdict: 'inconclusive', reason: 'unreachable', spent: true })
    const broken = await attempt(
      spending(async (context) => {
        context.sent?.()
        return { ...REJECTED, rotated: { refreshToken: '' } }
      }),
      options(),
    )
    expect(broken).toMatchObject({ verdict: 'inconclusive', spent: true })
  })
})
