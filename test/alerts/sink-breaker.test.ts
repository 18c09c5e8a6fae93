import { describe, expect, it } from 'vitest'
import { openSinkBreaker } from '../../src/alerts/sink-breaker.ts'

const at = (seconds: number) => Temporal.Instant.fromEpochMilliseconds(1_000_000_000_000 + seconds * 1_000)

/** A breaker after so many failures at second 0. */
function failed(times: number) {
  const breaker = openSinkBreaker()
  for (let n = 0; n < times; n++) breaker.failed(at(0), undefined)
  return breaker
}

describe('openSinkBreaker', () => {
  it('stays open to all until the fifth failure in a row', () => {
    expect(failed(4).closedUntil(at(0))).toBeUndefined()
    expect(failed(5).closedUntil(at(0))).toEqual(at(15))
    const breaker = failed(4)
    breaker.succeeded()
    breaker.failed(at(1), undefined)
    expect(breaker.closedUntil(at(1))).toBeUndefined()
  })

  it('does not take what was under way at the same time for further failures', () => {
    expect(failed(8).closedUntil(at(0))).toEqual(at(15))
  })

  it('lets one ask when the pause is over; the others wait for it', () => {
    const breaker = failed(5)
    expect(breaker.closedUntil(at(14.999))).toEqual(at(15))
    expect(breaker.closedUntil(at(15))).toBeUndefined()
    expect(breaker.closedUntil(at(15))).toEqual(at(35))
    breaker.succeeded()
    expect(breaker.closedUntil(at(16))).toBeUndefined()
    // And begins anew.
    for (let n = 0; n < 4; n++) breaker.failed(at(17), undefined)
    expect(breaker.closedUntil(at(17))).toBeUndefined()
  })

  it('lets another ask where nothing came of the first', () => {
    const breaker = failed(5)
    breaker.closedUntil(at(15))
    expect(breaker.closedUntil(at(34))).toEqual(at(35))
    expect(breaker.closedUntil(at(35))).toBeUndefined()
    breaker.undecided(at(36))
    expect(breaker.closedUntil(at(36))).toBeUndefined()
    expect(breaker.closedUntil(at(36))).toEqual(at(56))
  })

  it('doubles its pause with each that asks in vain, up to five minutes', () => {
    const breaker = failed(5)
    const pauses: number[] = []
    let now = at(0)
    for (let n = 0; n < 8; n++) {
      const until = breaker.closedUntil(now) ?? now
      pauses.push((until.epochMilliseconds - now.epochMilliseconds) / 1_000)
      now = until
      expect(breaker.closedUntil(now)).toBeUndefined()
      breaker.failed(now, undefined)
    }
    expect(pauses).toEqual([15, 30, 60, 120, 240, 300, 300, 300])
  })

  it('keeps everybody away for as long as the receiver asks, at the first failure too, five minutes at most', () => {
    const breaker = openSinkBreaker()
    breaker.failed(at(0), 90_000)
    expect(breaker.closedUntil(at(1))).toEqual(at(90))
    const greedy = openSinkBreaker()
    greedy.failed(at(0), 86_400_000)
    expect(greedy.closedUntil(at(1))).toEqual(at(300))
  })

  it('is not talked into asking more often by a receiver that fails on', () => {
    const breaker = failed(5)
    breaker.failed(at(1), 1_000)
    expect(breaker.closedUntil(at(2)), 'a straggler').toEqual(at(15))
    breaker.closedUntil(at(15))
    breaker.failed(at(15), 1_000)
    expect(breaker.closedUntil(at(16))).toEqual(at(45))
  })

  it('says nothing while nothing is wrong', () => {
    const breaker = openSinkBreaker()
    breaker.undecided(at(0))
    expect(breaker.closedUntil(at(0))).toBeUndefined()
  })
})
