import { expect } from 'vitest'
import type { House } from '../servers/revenant.ts'
import type { Marks } from './marks.ts'
import type { Note } from './receivers.ts'

/** Rows that have secrets where something else belongs, and files that hold nothing else. */
export async function badImports(house: House, marks: Marks, note: Note): Promise<void> {
  const mark = (place: string) => marks.plant(`bad row: ${place}`)
  const good = { identity: 'leaver-0', system: 'bearer' }
  // Not `identity`: who it names is looked up in the database, and a name is no secret.
  const columns = ['system', 'privilege', 'shared', 'handover_by', 'retired', 'secret_ref', 'kind_'] as const
  const lines = [
    ...columns.map((column) => JSON.stringify({ ...good, secret: { token: 'some-token' }, [column]: mark(column) })),
    JSON.stringify({ ...good, secret: mark('a text as secret') }),
    JSON.stringify({ ...good, secret: { [mark('a key')]: 'x' } }),
    JSON.stringify({ ...good, secret: { token: mark('another field beside'), password: mark('password beside') } }),
    JSON.stringify({ ...good, secret: { token: [mark('a list')] } }),
    JSON.stringify({ ...good, secret: { token: `${mark('a line break')}\r\nx-injected: 1` } }),
    JSON.stringify({ ...good, secret: { token: `\ud800${mark('half a character')}` } }),
    JSON.stringify({ ...good, secret_ref: { token: mark('a literal among references') } }),
    JSON.stringify({ ...good, secret_ref: `vault:${mark('an unknown scheme')}` }),
    JSON.stringify({ ...good, system: 'ssh-key', secret: { username: 'x', privateKey: mark('not a key') } }),
    JSON.stringify({ ...good, [mark('a column')]: 1 }),
    `{"identity":"leaver-0","system":"bearer","secret":{"token":"${mark('cut off')}`,
    `{"identity":"leaver-0" "${mark('not JSON')}"}`,
    mark('a line of its own'),
    `["${mark('an array')}"]`,
  ]
  house.write('bad.jsonl', `${lines.join('\n')}\n`)
  const csv = [
    'identity,system,secret.token,shared',
    `leaver-0,bearer,x,${mark('csv shared')}`,
    `leaver-0,${mark('csv system')},x,`,
    `"${mark('csv quote')},x`,
  ]
  house.write('bad.csv', `${csv.join('\n')}\n`)
  house.write('headless.csv', `leaver-0,bearer,${mark('csv without header')}\n`)
  house.write('header.csv', `identity,system,${mark('csv header')}\n`)
  const times = ['status', 'terminated_at', 'termination_date', 'termination_time', 'timezone', 'kind']
  const people = times.map((column) =>
    JSON.stringify({ external_id: `bad-${column}`, status: 'terminated', [column]: mark(`identity ${column}`) }),
  )
  house.write('people.jsonl', `${people.join('\n')}\n`)
  for (const line of [
    'credentials bad.jsonl',
    'credentials bad.csv',
    'credentials headless.csv',
    'credentials header.csv',
    'identities people.jsonl',
  ]) {
    await Promise.all(
      [[], ['--json']].map(async (json) => {
        const ran = await house.run(['import', ...line.split(' '), ...json])
        note(`revenant import ${line} ${json.join('')}`, `${ran.stdout}${ran.stderr}`)
        expect([line, ran.exit, ran.exit === 1 ? ran.stderr : '']).toEqual([line, 2, ''])
      }),
    )
  }
}
