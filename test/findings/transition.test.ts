import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { atLeast, FINDING_KINDS, type FindingEvent, SEVERITIES } from '../../src/domain/finding.ts'
import { type Episode, remind, type Signal, type Transition, transition } from '../../src/findings/transition.ts'

const DAY = 86_400_000
const POLICY = { remindEveryMs: DAY }
const START = Temporal.Instant.from('2026-03-01T00:00:00Z')

/** What may happen to a finding: a signal after some time, or a person who acknowledges it. */
type Step = { afterMs: number } & ({ do: 'acknowledge' } | { do: 'signal'; make(at: Temporal.Instant): Signal })

const NEEDED = 2
const present = (fields: { kind: (typeof FINDING_KINDS)[number]; severity: (typeof SEVERITIES)[number]; exempt: boolean }) => ({
  do: 'signal' as const,
  make: (at: Temporal.Instant): Signal => ({ holds: true, at, ...fields }),
})
const absent = { do: 'signal' as const, make: (at: Temporal.Instant): Signal => ({ holds: false, at, needed: NEEDED }) }
const afterMs = fc.integer({ min: 1, max: 2 * DAY })
const step: fc.Arbitrary<Step> = fc.oneof(
  fc
    .record({
      afterMs,
      kind: fc.constantFrom(...FINDING_KINDS),
      severity: fc.constantFrom(...SEVERITIES),
      exempt: fc.boolean(),
    })
    .map(({ afterMs: after, ...fields }) => ({ afterMs: after, ...present(fields) })),
  afterMs.map((after) => ({ afterMs: after, ...absent })),
  afterMs.map((after) => ({ afterMs: after, do: 'acknowledge' as const })),
)
const history = fc.array(step, { maxLength: 40 })

interface Passed extends Transition {
  before: Episode | undefined
  signal: Signal
  /** Proofs in a row that it is over, this one included. */
  absents: number
}

/** Plays a history; answers every transition in it. */
function play(steps: readonly Step[]): Passed[] {
  const passed: Passed[] = []
  let finding: Episode | undefined
  let at = START
  let absents = 0
  for (const each of steps) {
    at = at.add({ milliseconds: each.afterMs })
    if (each.do === 'acknowledge') {
      if (finding?.state === 'open') finding = { ...finding, state: 'acknowledged' }
      continue
    }
    const signal = each.make(at)
    absents = signal.holds ? 0 : absents + 1
    const before = finding
    const moved = transition(before, signal, POLICY)
    passed.push({ ...moved, before, signal, absents })
    finding = moved.finding
  }
  return passed
}

const always = (holds: (moved: Passed) => void) =>
  fc.assert(
    fc.property(history, (steps) => {
      for (const moved of play(steps)) holds(moved)
    }),
    { numRuns: 500 },
  )

describe('transition, whatever happens', () => {
  it('counts the sequence up by one with every event and never otherwise', () => {
    always(({ before, finding, event }) => {
      expect((finding?.sequence ?? 0) - (before?.sequence ?? 0)).toBe(event === undefined ? 0 : 1)
    })
  })

  it('never resolves without enough proofs in a row', () => {
    always(({ before, finding, absents }) => {
      if (finding?.state === 'resolved' && before?.state !== 'resolved') expect(absents).toBeGreaterThanOrEqual(NEEDED)
    })
  })

  it('always resolves once there are enough proofs in a row', () => {
    always(({ finding, absents }) => {
      if (absents >= NEEDED && finding !== undefined) expect(finding.state).toBe('resolved')
    })
  })

  it('never lets a held finding stay resolved', () => {
    always(({ finding, signal }) => {
      if (signal.holds) expect(['open', 'acknowledged']).toContain(finding?.state)
    })
  })

  it('never alerts of what is exempt, except that it is over', () => {
    always(({ signal, event }) => {
      if (signal.holds && signal.exempt) expect(event).toBeUndefined()
    })
  })

  it('never lets the severity of an open, alerted finding sink', () => {
    always(({ before, finding, signal }) => {
      if (before === undefined || before.state === 'resolved' || before.exempted || finding === undefined) return
      if (signal.holds && signal.exempt) return
      expect(atLeast(finding.severity, before.severity)).toBe(true)
    })
  })

  it('counts an episode for every reopening and for nothing else', () => {
    always(({ before, finding }) => {
      const again = before?.state === 'resolved' && finding?.state !== 'resolved' ? 1 : 0
      if (finding !== undefined) expect(finding.episode).toBe((before?.episode ?? 1) + again)
    })
  })

  it('keeps when it was opened for good, and resolvedAt exactly while it is resolved', () => {
    always(({ before, finding }) => {
      if (finding === undefined) return
      if (before !== undefined) expect(finding.openedAt.equals(before.openedAt)).toBe(true)
      expect(finding.resolvedAt !== undefined).toBe(finding.state === 'resolved')
    })
  })

  it('says opened first and once, and resolved only of what was alerted and not yet resolved', () => {
    fc.assert(
      fc.property(history, (steps) => {
        const events = play(steps)
          .map(({ event }) => event)
          .filter((event): event is FindingEvent => event !== undefined)
        expect(events.indexOf('opened')).toBe(events.length === 0 ? -1 : 0)
        expect(events.filter((event) => event === 'opened').length).toBeLessThanOrEqual(1)
        events.forEach((event, index) => {
          if (event === 'resolved') expect(events[index + 1] ?? 'reopened').toBe('reopened')
        })
      }),
      { numRuns: 500 },
    )
  })

  it('reminds no sooner than the policy says, and of what nobody acknowledged only', () => {
    always(({ before, event, signal }) => {
      if (event !== 'reminded') return
      expect(before?.state).toBe('open')
      expect(signal.at.epochMilliseconds - (before?.alertedAt?.epochMilliseconds ?? 0)).toBeGreaterThanOrEqual(DAY)
    })
  })

  it('says to the end of an episode that access came back, whatever later acceptances are', () => {
    always(({ before, finding, signal }) => {
      if (before === undefined || before.state === 'resolved' || finding === undefined) return
      if (before.kind === 'resurrected_access') expect(finding.kind).toBe('resurrected_access')
      else if (signal.holds) expect(finding.kind).toBe(signal.kind)
    })
  })

  it('is pure, and the same acceptance twice in a row makes no second event', () => {
    always(({ before, finding, event, signal }) => {
      expect(transition(before, signal, POLICY)).toEqual({ finding, event })
      if (signal.holds) {
        const again = transition(finding, signal, POLICY)
        expect(again.event).toBeUndefined()
        expect(again.finding).toEqual(finding)
      }
    })
  })

  it('makes nothing of a proof where there is no finding, and changes nothing of a resolved one', () => {
    always(({ before, finding, event, signal }) => {
      if (signal.holds || (before !== undefined && before.state !== 'resolved')) return
      expect(finding).toEqual(before)
      expect(event).toBeUndefined()
    })
  })
})

describe('remind, whenever it is asked', () => {
  /** A finding as some history left it, and a moment after its last signal. */
  const stale = fc.record({ history, later: fc.integer({ min: 0, max: 3 * DAY }), severity: fc.constantFrom(...SEVERITIES) })
  const ever = (holds: (before: Episode, moved: Transition, severity: Episode['severity'], at: Temporal.Instant) => void) => {
    let asked = 0
    fc.assert(
      fc.property(stale, ({ history: steps, later, severity }) => {
        const last = play(steps).at(-1)
        if (last?.finding === undefined) return
        // Acknowledged after the last signal, where the history ends so.
        const finding: Episode =
          steps.at(-1)?.do === 'acknowledge' && last.finding.state === 'open'
            ? { ...last.finding, state: 'acknowledged' }
            : last.finding
        const at = last.signal.at.add({ milliseconds: later })
        const moved = remind(finding, severity, at, POLICY)
        if (moved.event !== undefined) asked++
        holds(finding, moved, severity, at)
      }),
      { numRuns: 500 },
    )
    expect(asked, 'findings that were reminded of').toBeGreaterThan(20)
  }

  it('tells of what is open, neither exempt nor acknowledged, and was told of long enough ago: of that always', () => {
    ever((before, { event }, _severity, at) => {
      const age = before.alertedAt === undefined ? 0 : at.epochMilliseconds - before.alertedAt.epochMilliseconds
      expect(event !== undefined).toBe(before.state === 'open' && !before.exempted && age >= DAY)
    })
  })

  it('says that it escalated exactly where it is more severe than it was', () => {
    ever((before, { event, finding }, severity) => {
      if (event === undefined) return
      const isWorse = SEVERITIES.indexOf(severity) !== SEVERITIES.indexOf(before.severity) && atLeast(severity, before.severity)
      expect([event, finding?.severity]).toEqual(isWorse ? ['escalated', severity] : ['reminded', before.severity])
    })
  })

  it('changes nothing but the severity, the number and the time of the last alert', () => {
    ever((before, { event, finding }, _severity, at) => {
      if (event === undefined) expect(finding).toEqual(before)
      else expect(finding).toEqual({ ...before, severity: finding?.severity, sequence: before.sequence + 1, alertedAt: at })
    })
  })

  it('does not tell twice, neither by itself nor when the same is seen at that moment', () => {
    ever((_before, { event, finding }, severity, at) => {
      if (event === undefined || finding === undefined) return
      expect(remind(finding, severity, at, POLICY)).toEqual({ finding, event: undefined })
      const seen: Signal = { holds: true, kind: finding.kind, severity: finding.severity, at, exempt: false }
      expect(transition(finding, seen, POLICY).event).toBeUndefined()
    })
  })
})

describe('transition', () => {
  const at = (hours: number) => START.add({ hours })
  const seen = (hours: number, fields: Partial<Extract<Signal, { holds: true }>> = {}): Signal => ({
    holds: true,
    kind: 'residual_access',
    severity: 'medium',
    at: at(hours),
    exempt: false,
    ...fields,
  })
  const gone = (hours: number, needed = 2): Signal => ({ holds: false, at: at(hours), needed })
  const events = (...signals: Signal[]) => {
    let finding: Episode | undefined
    return signals.map((signal) => {
      const moved = transition(finding, signal, POLICY)
      finding = moved.finding
      return moved.event
    })
  }

  it.each<[string, Signal[], (FindingEvent | undefined)[]]>([
    ['opens once', [seen(0), seen(1)], ['opened', undefined]],
    ['reminds after a day', [seen(0), seen(23), seen(24), seen(25)], ['opened', undefined, 'reminded', undefined]],
    ['escalates', [seen(0), seen(1, { severity: 'critical' })], ['opened', 'escalated']],
    ['does not sink', [seen(0), seen(1, { severity: 'low' })], ['opened', undefined]],
    ['resolves at the second proof', [seen(0), gone(1), gone(2), gone(3)], ['opened', undefined, 'resolved', undefined]],
    [
      'begins to count anew after an acceptance',
      [seen(0), gone(1), seen(2), gone(3)],
      ['opened', undefined, undefined, undefined],
    ],
    ['reopens', [seen(0), gone(1, 1), seen(2)], ['opened', 'resolved', 'reopened']],
    ['is silent about what was exempt all along', [seen(0, { exempt: true }), gone(1, 1)], [undefined, undefined]],
    ['opens when the exemption ends', [seen(0, { exempt: true }), seen(1)], [undefined, 'opened']],
    ['tells again when a later exemption ends', [seen(0), seen(1, { exempt: true }), seen(2)], ['opened', undefined, 'reopened']],
  ])('%s', (_name, signals, expected) => {
    expect(events(...signals)).toEqual(expected)
  })
})
