import { readFile } from 'node:fs/promises'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { configTable, replaceTable } from '../../scripts/config-table.ts'
import { ALLOWABLE_EFFECTS } from '../../src/config/config.ts'
import { configJsonSchema } from '../../src/config/json-schema.ts'
import { loadConfig, parseConfig } from '../../src/config/load.ts'
import { EFFECTS } from '../../src/probe/probe.ts'
import { checks, FULL } from './checks.ts'

const SHIPPED = 'config/revenant.yaml'
const SCHEMA = 'config/revenant.schema.json'
const DOCS = 'docs/configuration.md'

const ajv = addFormats.default(new Ajv2020({ strict: true, allErrors: true }))

describe('the shipped file', () => {
  it('is what an empty file means: idle, embedded, every default spelled', async () => {
    expect(await loadConfig(SHIPPED, checks)).toEqual(await parseConfig('', 'empty.yaml', checks))
  })

  it('holds examples that are right once uncommented', async () => {
    const text = (await readFile(SHIPPED, 'utf8'))
      .replace(/^(systems|sources|alerts): \[\]$/gm, '$1:')
      .replace(/^# {3}/gm, '  ')
      .replace(/^attribution: \{\}.*$/m, 'attribution:')
    const config = await parseConfig(text, SHIPPED, {
      ...checks,
      checkSink: () => [],
      checkSource: () => [],
    })
    expect(config.systems.map((system) => system.name)).toEqual(['payroll-db', 'github'])
    expect(config.alerts.map((sink) => sink.name)).toEqual(['soc', 'hook'])
    expect(config.attribution).toBe('revenant/0.1 (+https://security.example.com/revenant)')
  })

  it('names every section', async () => {
    const sections = Object.keys(parse(await readFile(SHIPPED, 'utf8')))
    expect([...sections, 'frameworks', 'instance', 'publicUrl'].toSorted()).toEqual(
      Object.keys(configJsonSchema().properties ?? {}).toSorted(),
    )
  })
})

describe('what is generated', () => {
  it('JSON Schema is not stale (else: node scripts/config-schema.ts)', async () => {
    expect(await readFile(SCHEMA, 'utf8')).toBe(`${JSON.stringify(configJsonSchema(), null, 2)}\n`)
  })

  it('the table in the documentation is not stale (else: node scripts/config-schema.ts)', async () => {
    const docs = await readFile(DOCS, 'utf8')
    expect(docs).toBe(replaceTable(docs, configTable(configJsonSchema())))
  })

  it('every key has a description', () => {
    expect(configTable(configJsonSchema())).not.toMatch(/\| *\|$/m)
  })

  const validate = ajv.compile(configJsonSchema())
  it.each([
    ['the full file', FULL, true],
    ['an unknown key', 'scan: { tik: 5s }', false],
    ['a bad duration', 'scan: { tick: soon }', false],
    ['a bad rate', 'defaults: { limits: { rate: often } }', false],
    ['a literal signing secret', 'alerts: [{ name: a, sink: s, format: f, secret: hunter2 }]', false],
    ['a bad tier', 'systems: [{ name: a, probe: p, tier: top }]', false],
  ])('JSON Schema judges %s as the loader does', async (_name, text, good) => {
    expect(validate(parse(text)), JSON.stringify(validate.errors)).toBe(good)
    const loaded = await parseConfig(text, 'f.yaml', checks).then(
      () => true,
      () => false,
    )
    expect(loaded).toBe(good)
  })
})

it('the effects that a file can allow are those of the probes that must be allowed', () => {
  expect([...ALLOWABLE_EFFECTS]).toEqual(EFFECTS.filter((effect) => effect !== 'prolongs-life'))
})
