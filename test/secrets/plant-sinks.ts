import { rmSync } from 'node:fs'
import { expect } from 'vitest'
import { z } from 'zod'
import { SINK_REFERENCES } from '../../src/alerts/sinks/sink.ts'
import type { House } from '../servers/revenant.ts'
import type { Marks } from './marks.ts'
import type { Note } from './receivers.ts'

export interface MalformedSink {
  entry: Record<string, unknown> & { name: string }
  /** Which of its references, and what is wrong with what that resolves to. */
  field: string
  flaw: keyof typeof FLAWS
}

/** What a reference of a sink may resolve to that is no such secret. */
const FLAWS = {
  empty: () => '',
  'a line break': (mark: string) => `${mark}\r\nx-injected: ${mark}`,
  'no ASCII': (mark: string) => `${mark}\u00e9\u2028${mark}`,
  'no key': (mark: string) => `-----BEGIN PRIVATE KEY-----\n${mark}\n-----END PRIVATE KEY-----`,
}

const reference = z.templateLiteral([z.enum(['env:', 'file:']), z.string()])

/** Each reference of one sink of each kind, pointing to a file in which something else stands. */
export function malformedSinks(alerts: readonly Record<string, unknown>[], marks: Marks, house: House): MalformedSink[] {
  const byKind = new Map(alerts.map((entry) => [entry.sink, entry]))
  return [...byKind.values()].flatMap((entry) =>
    SINK_REFERENCES.filter((field) => reference.safeParse(entry[field]).success).flatMap((field) =>
      (['empty', 'a line break', 'no ASCII', 'no key'] as const).map((flaw) => {
        const name = `${String(entry.sink)}-${field.toLowerCase()}-${flaw.toLowerCase().replaceAll(' ', '-')}`
        const file = house.write(`malformed/${name}`, FLAWS[flaw](marks.plant(`malformed ${name}`)))
        return { entry: { ...entry, name, [field]: `file:${file}` }, field, flaw }
      }),
    ),
  )
}

/** Says of every malformed sink what is wrong with it: the doctor of all, a daemon and a test of some. */
export async function malformedSecrets(sinks: readonly MalformedSink[], house: House, note: Note): Promise<void> {
  const configured = (some: readonly MalformedSink[]) =>
    house.write(
      'malformed.yaml',
      JSON.stringify({
        database: { dataDir: 'data-malformed' },
        keyRing: 'data-malformed/keyring.json',
        listen: '127.0.0.1:0',
        alerts: some.map(({ entry }) => entry),
      }),
    )
  const run = async (...words: string[]) => {
    const ran = await house.run(words, { config: 'malformed.yaml' })
    note(`revenant ${words.join(' ')}, with malformed secrets of sinks`, `${ran.stdout}${ran.stderr}`)
    return ran
  }
  configured(sinks)
  const { stdout } = await run('doctor', '--json')
  const said = z.object({ name: z.string(), level: z.string() })
  const failed = new Set(
    stdout
      .split('\n')
      .filter(Boolean)
      .map((line) => said.parse(JSON.parse(line)))
      .filter(({ level }) => level === 'fail')
      .map(({ name }) => name.replace('alerts ', '')),
  )
  // A password may be any text, and so may a chain of certificates begin with any.
  const must = sinks.filter(({ flaw, field, entry }) => flaw === 'empty' || field !== 'secret' || HEADERS.has(String(entry.sink)))
  expect(must.filter(({ entry }) => !failed.has(entry.name)).map(({ entry }) => entry.name)).toEqual([])
  for (const flaw of ['a line break', 'no key']) {
    const one = must.find((each) => each.flaw === flaw)
    if (one === undefined) continue
    configured([one])
    expect([flaw, (await run('alerts', 'test', one.entry.name)).exit]).toEqual([flaw, 2])
    expect([flaw, (await run('run')).exit]).toEqual([flaw, 2])
  }
  // Searched enough: it is an empty database.
  rmSync(house.path('data-malformed'), { recursive: true })
}

/** Their secrets go into headers, or are of a form of their own. */
const HEADERS = new Set(['webhook', 'splunk-hec', 'pagerduty', 'jira-service-management'])
