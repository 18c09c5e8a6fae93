import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { kindLabel } from '../../src/alerts/describe.ts'
import { FORMAT_NAMES } from '../../src/alerts/formats/format.ts'
import { SINKS } from '../../src/alerts/sinks/registry.ts'
import { FACILITY_NAMES } from '../../src/alerts/syslog/message.ts'
import { sign, signingKeys } from '../../src/alerts/webhook/signature.ts'
import { FINDING_EVENTS, FINDING_KINDS } from '../../src/domain/finding.ts'

const DOCS = readFileSync(new URL('../../docs/alerts.md', import.meta.url), 'utf8')

describe('docs/alerts.md', () => {
  it('names every event, kind, format, sink and key', () => {
    for (const event of FINDING_EVENTS) expect(DOCS).toContain(`| \`${event}\` |`)
    for (const kind of FINDING_KINDS) expect(DOCS).toContain(`| \`${kind}\` | ${kindLabel(kind)} |`)
    for (const format of FORMAT_NAMES) expect(DOCS).toContain(`## Format \`${format}\``)
    for (const [kind, { schema }] of Object.entries(SINKS)) {
      expect(DOCS).toContain(`### \`${kind}\``)
      for (const key of Object.keys(schema.shape)) expect(DOCS, `${kind}.${key}`).toMatch(new RegExp(`\`${key}\`|\\b${key}: "`))
    }
    for (const facility of FACILITY_NAMES)
      expect(DOCS).toMatch(facility.startsWith('local') ? /`local7`/ : new RegExp(`\\b${facility}\\b`))
  })

  it('checks signatures with an example that works', async () => {
    const code = /```js\n(.*?)```/s.exec(DOCS)?.[1] ?? ''
    const { isGenuine } = await import(/* @vite-ignore */ `data:text/javascript;base64,${Buffer.from(code).toString('base64')}`)
    const secret = `whsec_${Buffer.alloc(32, 1).toString('base64')}`
    const other = `whsec_${Buffer.alloc(24, 2).toString('base64')}`
    const at = Math.floor(Date.now() / 1_000)
    const headers = (timestamp: number) => ({
      'webhook-id': 'a',
      'webhook-timestamp': String(timestamp),
      'webhook-signature': sign(signingKeys(`${other} ${secret}`), 'a', timestamp, '{"a":1}'),
    })
    expect(isGenuine(headers(at), '{"a":1}', secret)).toBe(true)
    expect(isGenuine(headers(at), '{"a":2}', secret)).toBe(false)
    expect(isGenuine(headers(at), '{"a":1}', `whsec_${Buffer.alloc(32, 3).toString('base64')}`)).toBe(false)
    expect(isGenuine(headers(at - 600), '{"a":1}', secret)).toBe(false)
  })
})
