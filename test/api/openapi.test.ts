import { Validator } from '@seriousme/openapi-schema-validator'
import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { EVIDENCE_ROUTES } from '../../src/api/evidence-routes.ts'
import { openApi } from '../../src/api/openapi.ts'
import { NONE } from '../../src/api/route.ts'
import { ROUTES } from '../../src/api/routes.ts'

const PULLS = EVIDENCE_ROUTES.map(({ path }) => ({ path, method: 'GET' }))

const document = z
  .looseObject({
    openapi: z.literal('3.1.0'),
    paths: z.record(
      z.string(),
      z.record(
        z.string(),
        z.looseObject({
          operationId: z.string(),
          'x-permission': z.string().optional(),
          security: z.array(z.record(z.string(), z.array(z.never()))).optional(),
          parameters: z.array(z.looseObject({ name: z.string(), in: z.string() })),
          responses: z.record(z.string(), z.looseObject({ description: z.string() })),
        }),
      ),
    ),
  })
  .parse(JSON.parse(JSON.stringify(openApi(ROUTES, '1.2.3', EVIDENCE_ROUTES))))

describe('the OpenAPI document', () => {
  it('is one, by its schema', async () => {
    const told = z.record(z.string(), z.json()).parse(JSON.parse(JSON.stringify(document)))
    expect(await new Validator().validate(told)).toMatchObject({ valid: true })
  })

  it('tells of every route once, with who may use it and everything that it takes', () => {
    const told = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    )
    const served = [...ROUTES, ...PULLS].map(({ method, path }) => `${method.toLowerCase()} ${path}`)
    expect(told.toSorted()).toEqual(served.toSorted())
    for (const route of ROUTES) {
      const operation = document.paths[route.path]?.[route.method.toLowerCase()]
      expect(operation).toMatchObject({ operationId: route.id, 'x-permission': route.permission })
      const names = operation?.parameters.filter((each) => each.in === 'path').map(({ name }) => name)
      expect([route.path, names]).toEqual([route.path, [...route.path.matchAll(/\{(\w+)\}/g)].map((match) => match[1])])
      expect([route.id, operation?.requestBody !== undefined]).toEqual([
        route.id,
        route.body !== NONE || route.uploads.length > 0,
      ])
      expect(Object.keys(operation?.responses ?? {})).toContain(String(route.status))
    }
  })

  it("says that auditors' pulls want the token of an auditor, and nothing else does", () => {
    const operations = Object.entries(document.paths).flatMap(([path, of]) => Object.values(of).map((each) => ({ path, each })))
    const wanting = operations.filter(({ each }) => each.security?.some((way) => 'auditor' in way)).map(({ path }) => path)
    expect(wanting.toSorted()).toEqual(PULLS.map(({ path }) => path).toSorted())
    for (const { each } of operations.filter(({ path }) => wanting.includes(path))) expect(each.security).toHaveLength(1)
  })

  it('has one operation of each name', () => {
    const ids = Object.values(document.paths).flatMap((of) => Object.values(of).map(({ operationId }) => operationId))
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
    const addresses = [...ROUTES, ...PULLS].map(({ method, path }) => `${method} ${path}`)
    expect(addresses.filter((each, at) => addresses.indexOf(each) !== at)).toEqual([])
  })
})
