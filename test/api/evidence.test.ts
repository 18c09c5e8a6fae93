import { Validator } from '@seriousme/openapi-schema-validator'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import fc from 'fast-check'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { z } from 'zod'
import { addEvidenceRoutes } from '../../src/api/evidence.ts'
import { EVIDENCE_ROUTES } from '../../src/api/evidence-routes.ts'
import { type AuditorTokens, readAuditorTokens } from '../../src/api/evidence-tokens.ts'
import { openRate, type Rate } from '../../src/api/rate.ts'
import type { Server } from '../../src/api/server.ts'
import { openThrottle } from '../../src/api/throttle.ts'
import { canonicalJson } from '../../src/domain/canonical-json.ts'
import { openCheckpoint } from '../../src/evidence/checkpoint.ts'
import { sha256 } from '../../src/evidence/crypto.ts'
import { entryHash } from '../../src/evidence/entry.ts'
import { verifyInclusion } from '../../src/evidence/merkle.ts'
import { STATEMENT_NAMES } from '../../src/evidence/statements.ts'
import { parseTlogProof } from '../../src/evidence/tlog-proof.ts'
import { audit } from '../../src/store/audit.ts'
import { latestCheckpoint } from '../../src/store/ledger.ts'
import { forgetLooks, recordLook } from '../../src/store/looks.ts'
import { openLogger } from '../../src/telemetry/logger.ts'
import { type BundleHouse, openBundleHouse } from '../evidence/bundle-house.ts'
import { openHealth } from '../servers/health.ts'
import { STORES, type TestStore } from '../servers/stores.ts'
import { NO_RATE } from './access-house.ts'

const GRC = `grc-${'Zq7'.repeat(12)}`
const OTHER = `other-${'Zq8'.repeat(12)}`

const entry = z.looseObject({ index: z.int(), id: z.string(), kind: z.string(), digest: z.string(), facts: z.json() })
const entriesPage = z.object({
  checkpoint: z.object({ size: z.int(), note: z.string() }),
  entries: z.array(entry),
  last: z.int().nullable(),
  more: z.boolean(),
})
const rowsPage = z.object({ rows: z.array(z.looseObject({})), last: z.string().nullable(), more: z.boolean() })
const findingsPage = z.object({
  findings: z.array(z.looseObject({ id: z.string(), state: z.string() })),
  last: z.string().nullable(),
})
const problem = z.strictObject({
  type: z.literal('about:blank'),
  title: z.string(),
  status: z.int(),
  detail: z.string(),
  errors: z.array(z.strictObject({ field: z.string(), message: z.string() })).optional(),
})

describe.each(STORES.filter(({ name }) => name !== 'Postgres 15'))(
  'evidence over HTTP, on $name',
  { timeout: 60_000 },
  ({ open }) => {
    let at: TestStore
    let house: BundleHouse
    let health: Server
    let tokens: AuditorTokens
    let clock: Temporal.Instant
    let rate: Rate
    let period: string
    const lines: string[] = []

    beforeAll(async () => {
      vi.stubEnv('GRC_TOKEN', GRC)
      vi.stubEnv('OTHER_TOKEN', OTHER)
      at = await open()
      house = await openBundleHouse(at.store.db)
      period = `from=${house.scope.from.toString()}&to=${house.scope.to.toString()}`
      clock = Temporal.Instant.from('2027-03-01T10:00:30Z')
    })
    afterAll(async () => {
      vi.unstubAllEnvs()
      await at.stop()
    })
    beforeEach(async () => {
      tokens = await both()
      rate = openRate()
      const logger = openLogger({ level: 'debug', fields: {}, write: (line) => void lines.push(line) })
      health = await openHealth({
        listen: { host: '127.0.0.1', port: 0 },
        alive: () => true,
        checks: [],
        metrics: async () => '',
        addPages: (app) =>
          addEvidenceRoutes(app, {
            db: at.store.db,
            tokens: () => tokens,
            report: async () => house.deps,
            version: '0',
            now: () => clock,
            logger,
            rate: (...of) => rate(...of),
          }),
        logger,
      })
    })
    afterEach(async () => {
      await health.close()
      const said = lines.splice(0).join('')
      expect(said).not.toMatch(/Zq[78]Zq/)
      expect(said).not.toContain('"level":"error"')
    })

    const both = () =>
      readAuditorTokens([
        { name: 'grc', token: 'env:GRC_TOKEN' },
        { name: 'other', token: 'env:OTHER_TOKEN' },
      ])
    const ask = (path: string, headers: Record<string, string> = {}, method = 'GET') =>
      fetch(`${health.address}${path.startsWith('/') ? path : `/v1/evidence/${path}`}`, {
        method,
        headers: { connection: 'close', authorization: `Bearer ${GRC}`, ...headers },
      })
    const nextOf = (answer: Response) => /^<([^>]+)>; rel="next"$/.exec(answer.headers.get('link') ?? '')?.[1]
    const append = async (subject: string) => {
      await audit(at.store.db, { actor: 'carla', action: 'test.append', subject, at: Temporal.Now.instant() })
      await house.sequencer.run()
    }
    const looks = async (actor = 'token:grc') => {
      const rows = await at.store.db.selectFrom('audit').selectAll().where('action', '=', 'evidence.pull').orderBy('id').execute()
      return rows.filter((row) => row.actor === actor)
    }

    it('gives each entry once, to the end of a log that grows meanwhile, with the facts that were hashed', async () => {
      const seen = new Map<number, string>()
      let pages = 0
      let next: string | undefined = '/v1/evidence/entries?limit=4'
      while (next !== undefined) {
        const answer = await ask(next)
        expect(answer.status).toBe(200)
        const text = await answer.text()
        const page = entriesPage.parse(JSON.parse(text))
        for (const { index, digest, facts } of page.entries) {
          expect(seen.has(index)).toBe(false)
          expect(index).toBeLessThan(page.checkpoint.size)
          const bytes = canonicalJson(facts)
          expect(text).toContain(`"facts":${bytes},`)
          expect(Buffer.from(sha256(Buffer.from(bytes))).toString('hex')).toBe(digest)
          seen.set(index, bytes)
        }
        next = nextOf(answer)
        expect(page.more).toBe(next !== undefined)
        if (pages++ < 3) await append(`page ${pages}`)
      }
      const size = (await latestCheckpoint(at.store.db))?.size ?? 0
      expect(pages).toBeGreaterThan(4)
      expect([...seen.keys()]).toEqual(Array.from({ length: size }, (_, index) => index))
      // The same again later, by other pages: the same bytes; and nothing after the last.
      await append('later')
      const again = entriesPage.parse(await (await ask('entries?limit=1000')).json())
      expect(again.entries).toHaveLength(size + 1)
      for (const { index, facts } of again.entries.slice(0, size)) expect(canonicalJson(facts)).toBe(seen.get(index))
      const end = entriesPage.parse(await (await ask(`entries?after=${size}`)).json())
      expect(end).toMatchObject({ entries: [], last: size, more: false })
    })

    it('tells of an entry whose row was changed, and gives no facts for it', async () => {
      await append('honest')
      const { entries } = entriesPage.parse(await (await ask('entries?limit=1000')).json())
      const last = entries.at(-1)
      await at.store.db
        .updateTable('audit')
        .set({ subject: 'forged' })
        .where('id', '=', last?.id ?? '')
        .execute()
      const forged = entriesPage.parse(await (await ask(`entries?after=${Number(last?.index) - 1}`)).json())
      expect(forged.entries).toMatchObject([{ facts: null, missing: 'altered', digest: last?.digest }])
      await at.store.db
        .deleteFrom('audit')
        .where('id', '=', last?.id ?? '')
        .execute()
      const removed = entriesPage.parse(await (await ask(`entries?after=${Number(last?.index) - 1}`)).json())
      expect(removed.entries).toMatchObject([{ facts: null, missing: 'removed' }])
    })

    it('gives proofs that lead to a checkpoint signed by the key of the log', async () => {
      const { keys } = await house.sequencer.signers()
      const { entries } = entriesPage.parse(await (await ask('entries?limit=1000')).json())
      for (const each of [entries[0], entries[7], entries.at(-1)]) {
        if (each === undefined) throw new Error('no entry')
        const answer = await ask(`entries/${each.index}/proof`)
        expect(answer.headers.get('content-type')).toBe('text/plain; charset=utf-8')
        const { index, proof, checkpoint: note } = parseTlogProof(await answer.text())
        const { checkpoint } = openCheckpoint(note, keys)
        const leaf = entryHash({ kind: kindOf(each.kind), id: each.id, digest: each.digest })
        expect(index).toBe(each.index)
        expect(verifyInclusion({ index, size: checkpoint.size, leaf, root: checkpoint.root, proof })).toBe(true)
      }
      const note = await (await ask('checkpoint')).text()
      expect(openCheckpoint(note, keys).checkpoint.size).toBe(entries.length)
      expect((await ask(`entries/${entries.length}/proof`)).status).toBe(404)
    })

    it('answers 304 to whoever has it already, and the new bytes once there are others', async () => {
      const first = await ask('entries?limit=1000')
      const etag = first.headers.get('etag') ?? ''
      expect(etag).toMatch(/^"[\w-]{43}"$/)
      expect(first.headers.get('cache-control')).toBe('private, no-cache')
      await first.text()
      for (const header of [etag, `W/${etag}`, `"x", ${etag}`, '*']) {
        const same = await ask('entries?limit=1000', { 'if-none-match': header })
        expect([header, same.status, same.headers.get('etag'), await same.text()]).toEqual([header, 304, etag, ''])
      }
      const head = await ask('entries?limit=1000', {}, 'HEAD')
      expect([head.status, head.headers.get('etag'), await head.text()]).toEqual([200, etag, ''])
      expect((await ask('entries?limit=1000', { 'if-none-match': '"x"' })).status).toBe(200)
      await append('another')
      const grown = await ask('entries?limit=1000', { 'if-none-match': etag })
      expect(grown.status).toBe(200)
      expect(grown.headers.get('etag')).not.toBe(etag)
    })

    it('pages findings, and chooses by state and change', async () => {
      const ids: string[] = []
      let next: string | undefined = '/v1/evidence/findings?limit=1'
      while (next !== undefined) {
        const answer = await ask(next)
        ids.push(...findingsPage.parse(await answer.json()).findings.map(({ id }) => id))
        next = nextOf(answer)
      }
      expect(ids).toHaveLength(4)
      expect(ids).toEqual([...new Set(ids)].toSorted())
      const of = async (query: string) => findingsPage.parse(await (await ask(`findings?${query}`)).json()).findings
      expect((await of('state=resolved')).map(({ kind }) => kind)).toEqual(['blind_system'])
      expect(await of('state=acknowledged')).toEqual([])
      expect((await of(`changedSince=${house.scope.to.toString()}`)).length).toBe(0)
      const late = house.scope.from.add({ hours: 16 }).toString()
      // One opened then, one was resolved then; two were opened long before, and are as they were.
      expect((await of(`changedSince=${late}`)).map(({ kind }) => kind).toSorted()).toEqual([
        'blind_system',
        'unverified_past_deadline',
      ])
    })

    it('pages statements as they are written in bundles', async () => {
      const rows: unknown[] = []
      let next: string | undefined = `/v1/evidence/statements/leavers?${period}&limit=1`
      while (next !== undefined) {
        const answer = await ask(next)
        rows.push(...rowsPage.parse(await answer.json()).rows)
        next = nextOf(answer)
      }
      expect(rows).toMatchObject([
        { external_id: 'E1', system: 'payroll', state: 'closed', in_time: true },
        { external_id: 'E1', system: 'wiki', state: 'open' },
        { external_id: 'E2', system: 'wiki', state: 'unverified' },
      ])
    })

    it('wants a token, and says which names it knows to nobody', async () => {
      const statusOf = async (authorization: string) => {
        const answer = await ask('checkpoint', { authorization })
        const text = await answer.text()
        expect(text).not.toMatch(/grc|other|Zq/)
        if (answer.status !== 401) return answer.status
        expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
        expect(answer.headers.get('www-authenticate')).toMatch(/^Bearer realm="revenant evidence"/)
        expect(problem.parse(JSON.parse(text))).toMatchObject({ status: 401 })
        return 401
      }
      expect(await statusOf(`Bearer ${GRC}`)).toBe(200)
      expect(await statusOf(`bearer  ${OTHER}`)).toBe(200)
      for (const wrong of ['', 'Bearer', `Bearer ${GRC}x`, `Bearer ${GRC.slice(1)}`, `Basic ${GRC}`, `Bearer ${GRC} x`])
        expect([wrong, await statusOf(wrong)]).toEqual([wrong, 401])
      // What a reload puts in force: the one revoked, then both.
      tokens = await readAuditorTokens([{ name: 'other', token: 'env:OTHER_TOKEN' }])
      expect(await statusOf(`Bearer ${GRC}`)).toBe(401)
      expect(await statusOf(`Bearer ${OTHER}`)).toBe(200)
      tokens = await readAuditorTokens([])
      for (const path of ['checkpoint', 'entries', 'openapi.json']) expect((await ask(path)).status).toBe(404)
    })

    it('listens no more to an address that brought ten wrong tokens in a minute', async () => {
      for (let tries = 0; tries < 10; tries++) expect((await ask('entries', { authorization: 'Bearer x' })).status).toBe(401)
      const answer = await ask('entries', { authorization: 'Bearer x' })
      expect(answer.status).toBe(429)
      expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(50)
      expect(problem.parse(await answer.json())).toMatchObject({ status: 429 })
      // Whoever has a good one is not silenced by a neighbour.
      expect((await ask('entries')).status).toBe(200)
      expect((await ask('/healthz')).status).toBe(200)
    })

    it('answers each auditor within a budget', async () => {
      let answer = await ask('statements')
      expect(answer.headers.get('ratelimit')).toMatch(/^"light";r=239;t=\d+$/)
      for (let asked = 0; asked < 600 && answer.status === 200; asked += 40) {
        const many = await Promise.all(Array.from({ length: 40 }, () => ask('statements', { 'if-none-match': '*' })))
        answer = many.find(({ status }) => status === 429) ?? answer
      }
      expect([answer.status, Number(answer.headers.get('retry-after')) > 0]).toEqual([429, true])
      expect((await ask('statements', { authorization: `Bearer ${OTHER}` })).status).toBe(200)
    })

    it('logs each pull once an hour, with what was asked, and the number of others in the next row', async () => {
      clock = Temporal.Instant.from('2027-05-01T10:59:58Z')
      await ask('findings?state=open')
      await ask('findings')
      await ask('checkpoint', { authorization: `Bearer ${OTHER}` })
      expect((await ask('findings?state=none')).status).toBe(400)
      const before = (await looks()).length
      clock = Temporal.Instant.from('2027-05-01T11:00:00Z')
      await Promise.all(Array.from({ length: 5 }, () => ask('findings?limit=2')))
      clock = Temporal.Instant.from('2027-05-01T10:59:59Z')
      await ask('findings')
      clock = Temporal.Instant.from('2027-05-01T13:00:00Z')
      await ask('findings')
      const rows = (await looks()).slice(before - 1)
      expect(rows.map(({ subject, detail }) => [subject, detail])).toMatchObject([
        ['findings', { filter: { limit: 100, state: 'open' } }],
        ['findings', { filter: { limit: 2 }, repeats: { count: 1, hour: '2027-05-01T10:00:00Z' } }],
        ['findings', { filter: { limit: 100 }, repeats: { count: 5, hour: '2027-05-01T11:00:00Z' } }],
      ])
      expect((await looks('token:other')).map(({ subject }) => subject)).toContain('checkpoint')
      await house.sequencer.run()
      const { entries } = entriesPage.parse(await (await ask('entries?limit=1000')).json())
      expect(entries.filter(({ id }) => rows.some((row) => row.id === id))).toHaveLength(3)
    })

    it('has one row for those who look first at the same time; forgets what was told', async () => {
      const look = { actor: 'a', action: 'findings.view', subject: 'all', at: Temporal.Instant.from('2027-05-01T10:00:00Z') }
      const made = await Promise.all(Array.from({ length: 8 }, () => recordLook(at.store.db, look)))
      expect(made.filter(Boolean)).toHaveLength(1)
      const rows = () => at.store.db.selectFrom('look').select(['repeats']).where('actor', 'in', ['a', 'b']).execute()
      expect(await rows()).toEqual([{ repeats: 7 }])
      await recordLook(at.store.db, { ...look, actor: 'b' })
      await forgetLooks(at.store.db, look.at.add({ hours: 1 }))
      expect(await rows()).toEqual([{ repeats: 7 }])
    })

    it('answers at every address as the OpenAPI document says', async () => {
      const told: unknown = await (await ask('openapi.json')).json()
      expect(await new Validator().validate(z.record(z.string(), z.json()).parse(told))).toMatchObject({ valid: true })
      const document = openApiDocument.parse(told)
      expect(Object.keys(document.paths)).toEqual(EVIDENCE_ROUTES.map(({ path }) => path))
      const ajv = addFormats.default(new Ajv2020({ strict: false, allErrors: true }))
      const cases: [path: string, url: string, status: number][] = [
        ['entries', 'entries', 200],
        ['entries', 'entries?after=3&limit=2', 200],
        ['entries', 'entries?limit=0', 400],
        ['entries/{index}/proof', 'entries/0/proof', 200],
        ['entries/{index}/proof', 'entries/999999/proof', 404],
        ['entries/{index}/proof', 'entries/x/proof', 400],
        ['checkpoint', 'checkpoint', 200],
        ['checkpoint', 'checkpoint?x=1', 400],
        ['findings', 'findings', 200],
        ['findings', 'findings?state=open&limit=1', 200],
        ['findings', 'findings?after=x', 400],
        ['statements', 'statements', 200],
        ...STATEMENT_NAMES.map((name): [string, string, number] => ['statements/{name}', `statements/${name}?${period}`, 200]),
        ['statements/{name}', `statements/nothing?${period}`, 404],
        ['statements/{name}', 'statements/leavers', 400],
        ['frameworks', `frameworks?${period}`, 200],
        ['frameworks', 'frameworks?from=x', 400],
      ]
      expect(new Set(cases.map(([path]) => `/v1/evidence/${path}`))).toEqual(new Set(Object.keys(document.paths)))
      for (const [path, url, status] of cases) {
        const answer = await ask(url)
        expect([url, answer.status]).toEqual([url, status])
        const content = document.paths[`/v1/evidence/${path}`]?.get.responses[String(status)]?.content
        const type = answer.headers.get('content-type')?.split(';')[0] ?? ''
        const schema = content?.[type]?.schema
        if (schema === undefined) throw new Error(`${url}: ${type} is not in the document`)
        const text = await answer.text()
        const valid = ajv.compile({ ...schema, components: document.components })
        expect(valid(type === 'text/plain' ? text : JSON.parse(text)), `${url}: ${JSON.stringify(valid.errors)}`).toBe(true)
      }
    })

    it.each([
      ['entries?limit=0', 'limit'],
      ['entries?limit=1001', 'limit'],
      ['entries?limit=1e2', 'limit'],
      ['entries?limit=', 'limit'],
      ['entries?limit=5&limit=6', 'limit'],
      ['entries?after=-1', 'after'],
      ['entries?after=99999999999999999999', 'after'],
      ['entries?page=2', 'page'],
      ['entries?__proto__=2', '__proto__'],
      ['findings?changedSince=2027-01-01', 'changedSince'],
      ['findings?changedSince=2027-02-30T00:00:00Z', 'changedSince'],
      ['findings?changedSince=0000-01-01T00:00:00Z', 'changedSince'],
      ['findings?changedSince=0001-01-01T00:00:00%2B23:59', 'changedSince'],
      ['findings?changedSince=2027-01-01T00:00:00.12345678901Z', 'changedSince'],
      ['findings?state=gone', 'state'],
      ['statements/leavers?from=2027-01-01T00:00:00Z', 'to'],
      ['statements/leavers?from=2027-01-01T00:00:00Z&to=2027-01-01T00:00:00Z', 'to'],
      ['statements/leavers?from=2027-01-01T00:00:00Z&to=2027-01-02T00:00:00Z&after=%00', 'after'],
      ['frameworks?to=2027-01-02T00:00:00Z', 'from'],
      ['entries/01/proof', 'index'],
    ])('names what is wrong: %s', async (url, field) => {
      const answer = await ask(url)
      expect(answer.status).toBe(400)
      expect(answer.headers.get('content-type')).toBe('application/problem+json; charset=utf-8')
      expect(problem.parse(await answer.json()).errors?.map((each) => each.field)).toContain(field)
    })

    it('never fails, whatever is asked', { timeout: 120_000 }, async () => {
      rate = NO_RATE
      const secret = 'Xk9'.repeat(11)
      const paths = EVIDENCE_ROUTES.map(({ path }) => path)
      const value = fc.oneof(
        fc.constantFrom(...STATEMENT_NAMES),
        fc.constantFrom(
          '',
          '0',
          '-1',
          '1e9',
          'null',
          '[]',
          secret,
          '2027-01-01T00:00:00Z',
          '%',
          "' or 1=1 --",
          '\0',
          '\ud800',
          '９',
        ),
        fc.string({ unit: 'binary', maxLength: 40 }),
        fc.date({ noInvalidDate: true }).map((date) => date.toISOString()),
        fc
          .date({ min: new Date('0001-01-01'), max: new Date('9999-12-31'), noInvalidDate: true })
          .map((date) => date.toISOString()),
        fc.uuid(),
      )
      const name = fc.oneof(
        fc.constantFrom('after', 'limit', 'from', 'to', 'state', 'changedSince', 'x[]', '__proto__'),
        fc.string(),
      )
      const pairs = fc.array(fc.tuple(name, value), { maxLength: 5 })
      await fc.assert(
        fc.asyncProperty(fc.constantFrom(...paths), value, pairs, fc.boolean(), async (path, part, given, isPeriod) => {
          const filled = path.replaceAll(/\{\w+\}/g, encodeURIComponent(part.toWellFormed()) || 'x')
          const periods = isPeriod
            ? [
                ['from', '0002-01-01T00:00:00Z'],
                ['to', '9998-12-31T23:59:59.999999999Z'],
              ]
            : []
          const query = new URLSearchParams(
            [...periods, ...given].map(([key = '', each = '']) => [key.toWellFormed(), each.toWellFormed()]),
          )
          const answer = await ask(`${filled}?${query}`)
          const text = await answer.text()
          expect([200, 400, 404]).toContain(answer.status)
          if (answer.status === 400 && answer.headers.get('content-type')?.startsWith('application/problem') === true)
            problem.parse(JSON.parse(text))
          if (!given.some(([key]) => key.includes(secret))) expect(text).not.toContain(secret)
        }),
        { numRuns: 300 },
      )
    })
  },
)

const kindOf = (kind: string) =>
  z
    .enum(['observation', 'control', 'trial', 'listing', 'finding', 'exemption', 'operator', 'configuration', 'gap', 'key'])
    .parse(kind)

const openApiDocument = z.object({
  openapi: z.literal('3.1.0'),
  paths: z.record(
    z.string(),
    z.object({
      get: z.object({
        responses: z.record(
          z.string(),
          z.object({ content: z.record(z.string(), z.object({ schema: z.record(z.string(), z.unknown()) })).optional() }),
        ),
      }),
    }),
  ),
  components: z.record(z.string(), z.unknown()),
})

describe('the tokens of auditors', () => {
  afterEach(() => {
    vi.unstubAllEnvs()
  })

  it.each([
    ['short', 'x'.repeat(31), 'SECRET_INVALID'],
    ['with spaces', `${'x'.repeat(32)} y`, 'SECRET_INVALID'],
    ['of two lines', `${'x'.repeat(32)}\ny`, 'SECRET_INVALID'],
    ['empty', '', 'SECRET_EMPTY'],
    ['not there', undefined, 'SECRET_UNAVAILABLE'],
  ])('are refused when %s, without being told', async (_, token, code) => {
    vi.stubEnv('BAD_TOKEN', token)
    const fault = readAuditorTokens([{ name: 'grc', token: 'env:BAD_TOKEN' }])
    await expect(fault).rejects.toMatchObject({ code, message: expect.stringMatching(/^evidence\.auditorTokens, grc: /) })
    await expect(fault).rejects.not.toMatchObject({ message: expect.stringContaining('xxx') })
  })

  it('are refused when two are the same, and taken from 32 characters on', async () => {
    vi.stubEnv('ONE_TOKEN', 'x'.repeat(32))
    const one = { name: 'one', token: 'env:ONE_TOKEN' }
    expect((await readAuditorTokens([one])).nameOf('x'.repeat(32))).toBe('one')
    expect((await readAuditorTokens([one])).nameOf('x'.repeat(33))).toBeUndefined()
    await expect(readAuditorTokens([one, { ...one, name: 'two' }])).rejects.toMatchObject({ code: 'SECRET_INVALID' })
  })
})

describe('the throttle', () => {
  it('counts by address, for a minute from the first failure', () => {
    let now = 0
    const throttle = openThrottle(() => now)
    for (let tries = 0; tries < 10; tries++) {
      expect(throttle.waitMs('a')).toBe(0)
      now = tries * 1_000
      throttle.failed('a')
    }
    expect([throttle.waitMs('a'), throttle.waitMs('b')]).toEqual([51_000, 0])
    now = 60_001
    expect(throttle.waitMs('a')).toBe(0)
    throttle.failed('a')
    expect(throttle.waitMs('a')).toBe(0)
  })

  it('remembers ten thousand addresses at most', () => {
    const throttle = openThrottle(() => 0)
    for (let tries = 0; tries < 10; tries++) throttle.failed('first')
    for (let each = 0; each < 10_000; each++) throttle.failed(String(each))
    expect(throttle.waitMs('first')).toBe(0)
  })
})
