import { describe, expect, it } from 'vitest'
import { openPace } from '../../src/alerts/pace.ts'

const at = (seconds: number) => Temporal.Instant.fromEpochMilliseconds(1_000_000_000_000 + seconds * 1_000)

describe('openPace', () => {
  it('lets everything through without a limit', () => {
    const pace = openPace(undefined)
    for (let n = 0; n < 1_000; n++) expect(pace.take(at(0))).toEqual({ calm: true })
  })

  it('lets so many through in a window, and says when the next one begins', () => {
    const pace = openPace({ count: 2, perMs: 60_000 })
    expect([pace.take(at(0)), pace.take(at(1))]).toEqual([{ calm: true }, { calm: true }])
    for (const second of [2, 59, 59.999]) expect(pace.take(at(second))).toEqual({ wait: at(60) })
    // Some had to wait: what goes out now should carry them.
    expect([pace.take(at(60)), pace.take(at(61))]).toEqual([{ calm: false }, { calm: false }])
    expect(pace.take(at(62))).toEqual({ wait: at(120) })
    expect(pace.take(at(120))).toEqual({ calm: false })
    // Nobody had to wait in that window.
    expect(pace.take(at(180))).toEqual({ calm: true })
  })

  it('begins a window with the message that comes, not by the clock', () => {
    const pace = openPace({ count: 1, perMs: 60_000 })
    expect(pace.take(at(0))).toEqual({ calm: true })
    expect(pace.take(at(130))).toEqual({ calm: true })
    expect(pace.take(at(180))).toEqual({ wait: at(190) })
  })

  it('spreads a great storm over the windows that can carry it', () => {
    const pace = openPace({ count: 2, perMs: 60_000 })
    pace.take(at(0))
    pace.take(at(0))
    const waits = Array.from({ length: 100 }, () => pace.take(at(1)))
    expect(waits.filter((turn) => 'wait' in turn && turn.wait.equals(at(60)))).toHaveLength(40)
    expect(waits.filter((turn) => 'wait' in turn && turn.wait.equals(at(120)))).toHaveLength(40)
    expect(waits.at(-1)).toEqual({ wait: at(180) })
    // As long as some are to come back, each message carries what waits.
    for (const second of [60, 120, 180]) expect(pace.take(at(second))).toEqual({ calm: false })
    expect(pace.take(at(240))).toEqual({ calm: true })
  })

  it('takes back what was not used, and no more', () => {
    const pace = openPace({ count: 1, perMs: 60_000 })
    pace.take(at(0))
    pace.giveBack()
    pace.giveBack()
    expect(pace.take(at(1))).toEqual({ calm: true })
    expect(pace.take(at(2))).toEqual({ wait: at(60) })
  })

  it('does not wait for a clock that was set back', () => {
    const pace = openPace({ count: 1, perMs: 60_000 })
    pace.take(at(100_000))
    expect(pace.take(at(0))).toEqual({ calm: true })
  })
})
