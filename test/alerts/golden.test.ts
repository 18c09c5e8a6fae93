import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { FORMAT_NAMES, GROUP_FORMATS, HEARTBEAT_FORMATS, type Rendered, render } from '../../src/alerts/formats/format.ts'
import type { Subject } from '../../src/alerts/subject.ts'
import { ALERT, FULL_CONTEXT, GROUP, HEARTBEAT } from './sample.ts'

const GOLDEN = join(import.meta.dirname, 'golden')
const SUBJECTS: readonly Subject[] = [
  { type: 'alert', alert: ALERT },
  { type: 'group', group: GROUP },
  { type: 'heartbeat', heartbeat: HEARTBEAT },
]

/**
 * What each format sends of one alert, one group and one sign of life, byte by byte: a change here is a change that receivers see.
 * `vitest run test/alerts/golden.test.ts -u` writes them anew.
 */
describe.each(FORMAT_NAMES)('golden files of %s', (name) => {
  const has = (type: Subject['type']) =>
    type === 'alert' || (type === 'group' ? GROUP_FORMATS : HEARTBEAT_FORMATS)[name] !== undefined

  it.each(SUBJECTS.filter(({ type }) => has(type)))('$type', async (subject) => {
    await expect(written(render(name, subject, FULL_CONTEXT))).toMatchFileSnapshot(join(GOLDEN, `${subject.type}.${name}.txt`))
  })
})

function written({ contentType, subject, body, alternatives = [] }: Rendered): string {
  const head = subject === undefined ? '' : `Subject: ${subject}\n`
  const parts = [{ contentType, body }, ...alternatives].map((part) => `Content-Type: ${part.contentType}\n\n${part.body}\n`)
  return `${head}${parts.join('\n')}`
}
