import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import type { Expected } from './suite.ts'

/** A case of the verdict table that is no test, and why. */
export interface NotTested {
  not: string
}

/** A case that is a test: what is done, what must come of it, and, where that is not what the table says, why. */
export interface TestedCase {
  expect: Expected
  differs?: string
  run: () => Promise<void>
}

const FILE = new URL('../../../shared/verdicts/cases.json', import.meta.url)

const row = z.object({ id: z.string(), system: z.string(), when: z.string(), verdict: z.string(), reason: z.string() })

/**
 * Registers one test for each case of the verdict table that the caller runs, one skip for each that it lists with a reason, and
 * one test that fails for a case of these systems that is in neither list or that is expected to end otherwise than the table says.
 */
export function verdictCases(systems: readonly string[], cases: Readonly<Record<string, TestedCase | NotTested>>): void {
  const rows = existsSync(FILE) ? z.array(row).parse(JSON.parse(readFileSync(FILE, 'utf8'))) : undefined
  const name = (id: string) => `${id} ${rows?.find((of) => of.id === id)?.when ?? ''}`.trim()
  for (const [id, of] of Object.entries(cases)) {
    if ('not' in of) it.skip(`${name(id)}: ${of.not}`)
    else it(name(id), of.run)
  }
  describe.skipIf(rows === undefined)(
    rows === undefined ? 'the verdict table (not on this machine)' : 'the verdict table',
    () => {
      it(`has each case of ${systems.join(', ')} here, with the same outcome`, () => {
        const known = (rows ?? []).filter((of) => systems.includes(of.system))
        expect(known.length).toBeGreaterThan(0)
        for (const { id, verdict, reason } of known) {
          const mine = cases[id]
          expect(mine, `${id} is neither a test nor listed`).toBeDefined()
          if (mine === undefined || 'not' in mine || mine.differs !== undefined) continue
          expect({ id, verdict: mine.expect.verdict, reason: mine.expect.reason }).toEqual({ id, verdict, reason })
        }
      })
    },
  )
}
