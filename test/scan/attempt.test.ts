import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from 'undici'
import { afterAll, describe, expect, it } from 'vitest'
import type { Judgement } from '../../src/domain/answer.ts'
import type { AttemptContext, BoundSecret } from '../../src/probe/probe.ts'
import { type AttemptOptions, attempt } from '../../src/scan/attempt.ts'

const http = new Agent()
afterAll(() => http.close())

const REJECTED: Judgement = { verdict: 'rejected', reason: 'token_invalid', strength: 'strong', wire: { status: 401 } }

function secretThat(ask: (context: AttemptContext) => Promise<Judgement>): BoundSecret {
  return { account: undefined, expects: undefined, form: '', decoy: () => undefined, attempt: ask } as BoundSecret
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
      ['attribution', 'http', 'signal'],
      ['attribution', 'http', 'pinnedPeer', 'signal'],
    ])
    expect(seen[0]?.attribution).toBe('revenant/test')
  })
})
