import { existsSync, readFileSync } from 'node:fs'
import { Ajv, type ValidateFunction } from 'ajv'
import addFormats from 'ajv-formats'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { ReportScope } from '../../src/evidence/bundle/request.ts'
import { assessmentResults } from '../../src/evidence/oscal/assessment.ts'
import { ALLOWED } from '../../src/evidence/oscal/document.ts'
import { poam } from '../../src/evidence/oscal/poam.ts'
import { summarise } from '../../src/evidence/summary.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { type BundleHouse, openBundleHouse } from './bundle-house.ts'

const STANDARDS = new URL('../../../shared/standards/', import.meta.url)
const present = existsSync(STANDARDS)
const text = async (pieces: AsyncIterable<string>) => (await Array.fromAsync(pieces)).join('')

describe('OSCAL', { timeout: 60_000 }, () => {
  let store: TestStore
  let house: BundleHouse
  beforeAll(async () => {
    const pglite = STORES[0]
    if (pglite === undefined) throw new Error('no store')
    store = await pglite.open()
    house = await openBundleHouse(store.store.db)
  })
  afterAll(() => store.stop())

  const scopes = (): [string, ReportScope][] => [
    ['everything', house.scope],
    ['one identity', { ...house.scope, identity: { name: 'E1', id: house.ids.anna } }],
    ['one requirement', { ...house.scope, framework: 'nist_800_53', control: 'CA-7' }],
    ['a time without findings', { ...house.scope, from: house.scope.from.subtract({ hours: 999 }), to: house.scope.from }],
  ]
  const documents = async (scope: ReportScope, inBundle: boolean) => ({
    assessment: await text(assessmentResults(house.deps, scope, await summarise(house.deps, scope), { inBundle })),
    plan: await text(poam(house.deps, scope, { inBundle })),
  })

  it.skipIf(!present)(
    present ? 'is valid against NIST’s schemas' : 'is valid against NIST’s schemas: ../shared/standards is missing',
    async () => {
      const [assessment, plan] = ['assessment-results', 'poam'].map(schemaOf)
      for (const [name, scope] of scopes())
        for (const inBundle of [true, false]) {
          const made = await documents(scope, inBundle)
          expect(assessment?.(JSON.parse(made.assessment)), `${name}: ${JSON.stringify(assessment?.errors)}`).toBe(true)
          if (made.plan !== '') expect(plan?.(JSON.parse(made.plan)), `${name}: ${JSON.stringify(plan?.errors)}`).toBe(true)
        }
    },
  )

  it.skipIf(!present)(
    present
      ? 'targets statements that the catalogue has'
      : 'targets statements that the catalogue has: ../shared/standards is missing',
    () => {
      const catalogue = readFileSync(new URL('nist-800-53r5-5.1.1-subset.catalog.json', STANDARDS), 'utf8')
      const targets = house.deps.mapping.frameworks.flatMap(({ controls }) =>
        controls.flatMap(({ oscal }) => (oscal === undefined ? [] : [oscal])),
      )
      expect(targets.length).toBeGreaterThan(4)
      for (const { controlId, targetId } of targets) {
        expect(catalogue).toContain(`"id": "${controlId}"`)
        expect(catalogue).toContain(`"id": "${targetId}"`)
      }
    },
  )

  it('uses only values that the metaschema allows, and every reference leads somewhere', async () => {
    for (const [, scope] of scopes()) {
      const made = await documents(scope, true)
      for (const document of [made.assessment, made.plan].filter((each) => each !== '')) {
        const found = gather(JSON.parse(document))
        for (const [values, allowed] of [
          [found.get('methods'), ALLOWED.method],
          [found.get('types'), ALLOWED.observationType],
          [found.get('lifecycle'), ALLOWED.lifecycle],
          [found.get('risks.status'), ALLOWED.riskStatus],
          [found.get('target.type'), ALLOWED.targetType],
          [found.get('status.state'), [...ALLOWED.targetState, 'operational']],
          [found.get('status.reason'), ALLOWED.targetReason],
          [found.get('subjects.type'), ALLOWED.subjectType],
          [found.get('actors.type'), ALLOWED.actorType],
        ] as const)
          for (const value of values ?? []) expect(allowed).toContain(value)
        const ids = found.get('uuid') ?? new Set()
        for (const reference of ['observation-uuid', 'risk-uuid', 'actor-uuid', 'component-uuid'])
          for (const id of found.get(reference) ?? []) expect(ids).toContain(id)
      }
    }
  })

  it('says of the same things the same, with the same ids', async () => {
    const still = { ...house.deps, now: () => house.scope.to }
    const twice = [
      await text(poam(still, house.scope, { inBundle: false })),
      await text(poam(still, house.scope, { inBundle: false })),
    ]
    expect(twice[0]).toBe(twice[1])
    const plan = JSON.parse(twice[0] ?? '')['plan-of-action-and-milestones']
    expect(plan['poam-items']).toHaveLength(3)
    expect(plan.risks.map((risk: { status: string }) => risk.status)).toEqual(['open', 'open', 'open'])
    expect(plan.risks[0].deadline).toBeDefined()
  })

  it('finds a requirement not satisfied, or not told, for want of proof', async () => {
    const { assessment } = await documents(house.scope, false)
    const [result] = JSON.parse(assessment)['assessment-results'].results
    const stateOf = (target: string) =>
      result.findings.find((each: { target: { 'target-id': string } }) => each.target['target-id'] === target)?.target.status
    expect(stateOf('ac-2.3_smt.b')).toEqual({ state: 'not-satisfied', reason: 'fail' })
    const quiet = await documents(
      { ...house.scope, from: house.scope.from.subtract({ hours: 999 }), to: house.scope.from },
      false,
    )
    const [empty] = JSON.parse(quiet.assessment)['assessment-results'].results
    expect(empty.findings[0].target.status).toEqual({ state: 'not-satisfied', reason: 'other' })
    expect(quiet.plan).toBe('')
  })
})

function schemaOf(name: string): ValidateFunction {
  const ajv = new Ajv({ strict: false, unicodeRegExp: true })
  addFormats.default(ajv)
  return ajv.compile(JSON.parse(readFileSync(new URL(`oscal-1.2.1-${name}.schema.json`, STANDARDS), 'utf8')))
}

/** Every scalar by its name and by the name of what holds it and its own. */
function gather(value: unknown, parent = '', into = new Map<string, Set<unknown>>()): Map<string, Set<unknown>> {
  if (Array.isArray(value)) for (const item of value) gather(item, parent, into)
  else if (typeof value === 'object' && value !== null)
    for (const [name, inner] of Object.entries(value)) {
      for (const item of Array.isArray(inner) ? inner : [inner])
        if (typeof item !== 'object')
          for (const key of [name, `${parent}.${name}`]) into.set(key, (into.get(key) ?? new Set()).add(item))
      gather(inner, name, into)
    }
  return into
}
