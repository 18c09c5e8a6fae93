import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { atLeast, FINDING_KINDS, type FindingEvent, SEVERITIES } from '../../src/domain/finding.ts'
import { type Episode, endExemption, escalate, remind, type Transition, transition } from '../../src/findings/transition.ts'

const DAY = 86_400_000
const POLICY = { remindEveryMs: DAY }
const START = Temporal.Instant.from('2026-03-01T00:00:00Z')

/** Whatever moves a finding: what a trial sees, what a person does, and the clock. */
type Move =
  | { do: 'present'; kind: Episode['kind']; severity: Episode['severity']; exempt: boolean }
  /** `inARow`: counted elsewhere, for this secret alone. */
  | { do: 'absent'; needed: number; inARow?: number }
  | { do: 'acknowledge' | 'exempt' | 'unexempt' }
  | { do: 'remind' | 'escalate'; severity: Episode['severity'] }

// Few kinds, and access that came back among them often.
const kind = fc.constantFrom('residual_access', 'resurrected_access', ...FINDING_KINDS)
const severity = fc.constantFrom(...SEVERITIES)
const needed = fc.integer({ min: 1, max: 4 })
const move: fc.Arbitrary<Move> = fc.oneof(
  fc.record({ do: fc.constant('present' as const), kind, severity, exempt: fc.boolean() }),
  fc.record({ do: fc.constant('absent' as const), needed }),
  fc.record({ do: fc.constant('absent' as const), needed, inARow: fc.integer({ min: 1, max: 4 }) }),
  fc.record({ do: fc.constantFrom('acknowledge' as const, 'exempt' as const, 'unexempt' as const) }),
  fc.record({ do: fc.constantFrom('remind' as const, 'escalate' as const), severity }),
)
const life = fc.array(fc.record({ afterMs: fc.integer({ min: 1, max: 2 * DAY }), move }), { maxLength: 40, size: 'max' })

interface Lived {
  move: Move
  before: Episode | undefined
  after: Episode | undefined
  event: FindingEvent | undefined
  /** Proofs in a row that it is over since it was last there, this one included. */
  proofs: number
  /** Whether anybody had been told of this episode before. */
  told: boolean
}

/** Every step of a life, as the callers in `src/findings` and `src/store` make it. */
function live(steps: readonly { afterMs: number; move: Move }[]): Lived[] {
  const lived: Lived[] = []
  let finding: Episode | undefined
  let at = START
  let proofs = 0
  let told = false
  for (const step of steps) {
    at = at.add({ milliseconds: step.afterMs })
    const before = finding
    const moved = makeMove(finding, step.move, at)
    finding = moved.finding
    if (step.move.do === 'present') proofs = 0
    if (step.move.do === 'absent') proofs = step.move.inARow ?? proofs + 1
    lived.push({ move: step.move, before, after: finding, event: moved.event, proofs, told })
    if (before?.state === 'resolved' && finding?.state !== 'resolved') told = false
    if (moved.event !== undefined) told = moved.event !== 'resolved'
  }
  return lived
}

function makeMove(finding: Episode | undefined, step: Move, at: Temporal.Instant): Transition {
  if (step.do === 'present') {
    return transition(finding, { ...step, holds: true, at }, POLICY)
  }
  if (step.do === 'absent') return transition(finding, { ...step, holds: false, at }, POLICY)
  const still = { finding, event: undefined }
  if (finding === undefined || finding.state === 'resolved') return still
  if ('severity' in step) {
    if (step.do === 'remind') return remind(finding, step.severity, at, POLICY)
    return finding.exempted ? still : escalate(finding, step.severity, at)
  }
  if (step.do === 'acknowledge')
    return finding.state === 'open' ? { ...still, finding: { ...finding, state: 'acknowledged' } } : still
  if (step.do === 'exempt') return { ...still, finding: { ...finding, state: 'acknowledged', exempted: true } }
  return finding.exempted ? endExemption(finding, at) : still
}

/** Holds of every step; `speaks`: of which steps, so that a property of none is seen. */
function always(speaks: (lived: Lived) => boolean, holds: (lived: Lived) => void) {
  let spoken = 0
  fc.assert(
    fc.property(life, (steps) => {
      for (const lived of live(steps).filter(speaks)) {
        spoken++
        holds(lived)
      }
    }),
    { numRuns: 300 },
  )
  expect(spoken, 'steps that the property speaks of').toBeGreaterThan(50)
}

const isOver = (finding: Episode | undefined) => finding?.state === 'resolved'
const closes = ({ before, after }: Lived) => before !== undefined && !isOver(before) && isOver(after)

describe('the life of a finding, by trials, people and the clock', () => {
  it('is over by enough proofs in a row alone', () => {
    always(closes, ({ move: { do: what, ...rest }, proofs }) => {
      expect(what).toBe('absent')
      expect(proofs).toBeGreaterThanOrEqual('needed' in rest ? rest.needed : Number.NaN)
    })
  })

  it('is over as soon as there are enough', () => {
    always(
      ({ before, move: step, proofs }) => before !== undefined && step.do === 'absent' && proofs >= step.needed,
      ({ after }) => expect(after?.state).toBe('resolved'),
    )
  })

  it('goes on as access that came back until it is over', () => {
    always(
      ({ before }) => before?.kind === 'resurrected_access' && !isOver(before),
      ({ after }) => expect(after?.kind).toBe('resurrected_access'),
    )
  })

  it('never sinks in severity while it is open', () => {
    always(
      ({ before, after }) => before?.state === 'open' && after?.state === 'open',
      ({ before, after }) => expect(before && after && atLeast(after.severity, before.severity)).toBe(true),
    )
  })

  it('makes at most one event a step, and each is numbered by one', () => {
    always(
      ({ after }) => after !== undefined,
      ({ before, after, event }) => {
        expect((after?.sequence ?? 0) - (before?.sequence ?? 0)).toBe(event === undefined ? 0 : 1)
        if (event !== undefined) expect(after?.alertedAt).toBeDefined()
      },
    )
  })

  it('gives the all-clear to whoever was told of this episode, and to nobody else', () => {
    always(closes, ({ told, event }) => expect(event).toBe(told ? 'resolved' : undefined))
    always(
      ({ event }) => event === 'resolved',
      (lived) => expect(closes(lived)).toBe(true),
    )
  })

  it('counts its episodes: one more with each time that it is back after it was over', () => {
    const isBack = ({ before, after }: Lived) => isOver(before) && !isOver(after)
    always(isBack, ({ before, after, event, move: step }) => {
      expect(after?.episode).toBe((before?.episode ?? 0) + 1)
      const exempt = step.do === 'present' && step.exempt
      expect(event).toBe(exempt ? undefined : before?.sequence === 0 ? 'opened' : 'reopened')
    })
    always(
      (lived) => lived.before !== undefined && !isBack(lived),
      ({ before, after }) => expect(after?.episode).toBe(before?.episode),
    )
  })

  it('opens nothing and reopens nothing but by what is there', () => {
    always(
      ({ move: step, before }) => step.do !== 'present' && (before === undefined || isOver(before)),
      ({ before, after, event }) => expect([after, event]).toEqual([before, undefined]),
    )
  })
})
