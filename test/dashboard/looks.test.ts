import { describe, expect, it } from 'vitest'
import { newsOf } from '../../src/dashboard/finding-news.ts'
import { stillPicked } from '../../src/dashboard/picks.ts'
import { SYSTEM_STATE_LABELS, systemLook } from '../../src/dashboard/system-look.ts'
import { answerLook } from '../../src/dashboard/words.ts'
import { ASSURANCES, isProvenRejection, STRENGTHS, VERDICTS } from '../../src/domain/verdict.ts'

describe('an answer', () => {
  const answers = VERDICTS.flatMap((verdict) =>
    STRENGTHS.flatMap((strength) => ASSURANCES.map((assurance) => ({ verdict, strength, assurance }))),
  )
  it.each(answers)('$verdict, $strength, $assurance looks closed only where it proves that', (answer) => {
    const { look, label } = answerLook(answer)
    const others = answer.verdict === 'accepted' ? 'open' : 'doubt'
    expect(look).toBe(isProvenRejection(answer) ? 'closed' : others)
    expect(label === 'Refused').toBe(look === 'closed')
  })

  it('that a server with a hidden lock state gives without a canary is not proven', () => {
    const said = answerLook({ verdict: 'rejected', strength: 'weak', assurance: 'explicit' })
    expect(said).toEqual({ look: 'doubt', label: 'Refused, not proven' })
  })
})

describe('a system', () => {
  const at = '2026-11-22T12:00:00Z'
  const controls = (assurance: 'controlled' | 'explicit' | 'none') => ({ at, validUntil: at, assurance, answers: [] })
  it.each([
    ['active', controls('controlled'), at, 'closed', 'Watched'],
    ['active', controls('explicit'), at, 'closed', 'Watched, no canary'],
    ['active', controls('none'), at, 'doubt', 'No control'],
    ['untried', null, null, 'none', 'Not tried yet'],
    ['untried', null, at, 'doubt', 'Not judged yet'],
    ['blind', controls('none'), at, 'doubt', 'Blind'],
    ['open', null, at, 'open', 'Open to anybody'],
    ['retired', null, null, 'none', 'Retired'],
  ] as const)('that is %s looks no better than it is (%#)', (state, of, lastTrialAt, look, label) => {
    expect(systemLook({ state, controls: of, lastTrialAt })).toMatchObject({ look, label })
  })

  it('says that a canary is accepted only where one is', () => {
    const titles = (['explicit', 'none'] as const).map(
      (assurance) => systemLook({ state: 'active', controls: controls(assurance), lastTrialAt: at }).title,
    )
    expect(titles.filter((title) => title.includes('canary is accepted'))).toEqual([])
    expect(new Set(Object.values(SYSTEM_STATE_LABELS)).size).toBe(Object.keys(SYSTEM_STATE_LABELS).length)
  })
})

describe('what is picked', () => {
  const all = new Set(['a', 'b'])
  const isOpen = ({ state }: { state: string }) => state === 'open'
  it.each([
    [
      'all that is shown',
      [
        { id: 'a', state: 'open' },
        { id: 'b', state: 'open' },
        { id: 'c', state: 'open' },
      ],
      ['a', 'b'],
    ],
    ['not what is filtered away', [{ id: 'b', state: 'open' }], ['b']],
    [
      'not what was resolved meanwhile',
      [
        { id: 'a', state: 'resolved' },
        { id: 'b', state: 'open' },
      ],
      ['b'],
    ],
    ['nothing of an empty list', [], []],
  ])('is %s', (_, items, left) => {
    expect([...stillPicked(all, items, isOpen)]).toEqual(left)
  })

  it('is the same set where nothing went away', () => {
    expect(
      stillPicked(
        all,
        [
          { id: 'b', state: 'open' },
          { id: 'a', state: 'open' },
        ],
        isOpen,
      ),
    ).toBe(all)
  })
})

describe('what a finding became since it was seen', () => {
  const before = { state: 'open', severity: 'high', episode: 1, exempted: false, acknowledgedBy: null } as const
  it.each([
    [{}, []],
    [{ severity: 'critical' }, ['it became critical']],
    [{ state: 'acknowledged', acknowledgedBy: 'ann' }, ['ann acknowledged it']],
    [{ state: 'resolved' }, ['it was resolved']],
    [{ episode: 2, exempted: true }, ['it was closed and came back', 'it was exempted']],
  ] as const)('%j: %j', (change, news) => {
    expect(newsOf(before, { ...before, ...change })).toEqual(news)
  })
})
