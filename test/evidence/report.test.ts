import { describe, expect, it } from 'vitest'
import { csvRow } from '../../src/evidence/bundle/csv.ts'
import { medianMinutes, survivalSteps } from '../../src/evidence/report/survival.ts'
import { escapeHtml } from '../../src/evidence/report/svg.ts'

describe('the survival estimate', () => {
  // The example of Kaplan and Meier's own kind: remission times of 6-MP in Freireich et al. (1963), as in every textbook.
  const closed = new Map([
    [6, 3],
    [7, 1],
    [10, 1],
    [13, 1],
    [16, 1],
    [22, 1],
    [23, 1],
  ])
  const censored = new Map([
    [6, 1],
    [9, 1],
    [10, 1],
    [11, 1],
    [17, 1],
    [19, 1],
    [20, 1],
    [25, 1],
    [32, 2],
    [34, 1],
    [35, 1],
  ])
  const times = [...new Set([...closed.keys(), ...censored.keys()])].toSorted((a, b) => a - b)
  const steps = survivalSteps(
    times.map((minutes) => ({ minutes, closed: closed.get(minutes) ?? 0, censored: censored.get(minutes) ?? 0 })),
  )

  it.each([
    [6, 0.857],
    [7, 0.807],
    [10, 0.753],
    [13, 0.69],
    [16, 0.627],
    [22, 0.538],
    [23, 0.448],
  ])('after %i it is %f', (minutes, share) => {
    expect(steps.find((step) => step.minutes === minutes)?.share).toBeCloseTo(share, 3)
  })

  it('has the standard error of the textbook', () => {
    const step = steps.find(({ minutes }) => minutes === 10)
    expect(((step?.high ?? 0) - (step?.share ?? 0)) / 1.96).toBeCloseTo(0.0963, 3)
    expect(medianMinutes(steps)).toBe(23)
  })

  it('says nothing of nobody, and reaches nought when all closed', () => {
    expect(survivalSteps([])).toEqual([])
    expect(survivalSteps([{ minutes: 5, closed: 4, censored: 0 }])).toMatchObject([{ share: 0, low: 0, high: 0 }])
    expect(medianMinutes(survivalSteps([{ minutes: 5, closed: 0, censored: 4 }]))).toBeUndefined()
  })
})

describe('what comes from outside', () => {
  it.each([
    ['=1+1', "'=1+1"],
    ['+49', "'+49"],
    ['a,b', '"a,b"'],
    ['say "x"', '"say ""x"""'],
    ['two\nlines', '"two\nlines"'],
    ['', ''],
    [-1, '-1'],
    [null, ''],
    [{ b: 1, '10': [true] }, '"{""10"":[true],""b"":1}"'],
  ])('%j is %j in CSV', (value, expected) => {
    expect(csvRow([value])).toBe(`${expected}\n`)
  })

  it('is text in HTML', () => {
    expect(escapeHtml(`<img src=x onerror='a("b")'>&`)).toBe('&lt;img src=x onerror=&#39;a(&quot;b&quot;)&#39;&gt;&amp;')
  })
})
