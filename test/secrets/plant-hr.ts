import { createHmac } from 'node:crypto'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect, vi } from 'vitest'
import type { House } from '../servers/revenant.ts'
import type { Marks } from './marks.ts'
import type { Note } from './receivers.ts'
import type { Run } from './run.ts'

/** HR systems with marked secrets in what they sign with and are asked by, and marks in what they say that nobody needs. */
export async function plantHr(marks: Marks, env: Record<string, string>, house: House) {
  for (const name of ['HR_HOOK', 'HR_NEXT', 'HR_KEY', 'HR_USER', 'HR_PASSWORD'] as const) env[name] = marks.plant(`hr: ${name}`)
  const basic = Buffer.from(`${env.HR_USER}:${env.HR_PASSWORD}`).toString('base64')
  const keyed = Buffer.from(`${env.HR_KEY}:x`).toString('base64')
  marks.plantBytes('hr: basic', Buffer.from(basic))
  marks.plantBytes('hr: key as user', Buffer.from(keyed))
  let report: unknown = { Report_Entry: [] }
  const server = createServer((request, response) => {
    const [path = ''] = (request.url ?? '').split('?')
    const shown = request.headers.authorization
    const id = path.split('/').at(-1) ?? ''
    if (path === '/report') response.writeHead(shown === `Basic ${basic}` ? 200 : 401).end(JSON.stringify(report))
    else if (shown !== `Basic ${keyed}`) response.writeHead(401).end()
    // A server that says again what it was shown.
    else if (id === 'broken') response.writeHead(500, { 'x-shown': shown }).end(`${shown} ${env.HR_KEY}`)
    else
      response.writeHead(200).end(
        JSON.stringify({
          workEmail: 'leaver-hr',
          status: id === 'odd' ? marks.plant('hr: a status') : 'Active',
          ssn: marks.plant('hr: ssn'),
        }),
      )
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  house.write('drop/.keep', '')
  const folder = house.path('drop')
  const sources = [
    {
      name: 'hr-hook',
      source: 'webhook',
      preset: 'bamboohr',
      secrets: ['env:HR_HOOK', 'env:HR_NEXT'],
      api: { origin, password: 'env:HR_KEY' },
    },
    { name: 'hr-report', source: 'hris', origin, path: '/report', user: 'env:HR_USER', password: 'env:HR_PASSWORD', every: '7d' },
    { name: 'hr-wrong', source: 'hris', origin, path: '/report', password: 'env:HR_KEY', every: '7d' },
    { name: 'hr-files', source: 'files', folder, every: '7d', settle: '1s', pattern: 'people*' },
  ]

  async function tell(address: string, run: Run, note: Note): Promise<void> {
    const mark = (place: string) => marks.plant(`hr: ${place}`)
    let n = 0
    const post = async (body: string, status: number, secret = env.HR_HOOK ?? '', headers: Record<string, string> = {}) => {
      const at = String(Math.floor(Date.now() / 1_000))
      const signature = createHmac('sha256', secret)
        .update(body + at)
        .digest('hex')
      const answer = await fetch(`${address}/hooks/hr-hook`, {
        method: 'POST',
        headers: { 'x-bamboohr-timestamp': at, 'x-bamboohr-signature': signature, ...headers },
        body,
      })
      note(`webhook answer ${++n}`, `${JSON.stringify([...answer.headers])}${await answer.text()}`)
      expect([n, answer.status]).toEqual([n, status])
    }
    const event = (employeeId: string, more: Record<string, unknown> = {}) =>
      JSON.stringify({ type: 'employee.updated', timestamp: Temporal.Now.instant().toString(), data: { employeeId, ...more } })
    await post(event('e-1', { [mark('a key')]: mark('a value') }), 200)
    await post(event('e-2'), 200, env.HR_NEXT)
    await post(event('e-3'), 401, mark('wrong hook secret'))
    await post(event('e-4'), 401, undefined, { 'x-bamboohr-signature': mark('no signature') })
    await post(`{"type":"${mark('no JSON')}`, 422)
    await post(event('broken'), 503)
    await post(event('odd'), 503)
    expect(await run('sources pull hr-report')).toMatchObject({ exit: 0 })
    report = {
      Report_Entry: [
        { Employee_ID: 'r-1', Work_Email: 'leaver-hr-2', Worker_Status: mark('report status'), Termination_Date: mark('no day') },
      ],
    }
    expect(await run('sources pull hr-report')).toMatchObject({ exit: 2 })
    report = mark('no report')
    expect(await run('sources pull hr-report')).toMatchObject({ exit: 1 })
    expect(await run('sources pull hr-wrong')).toMatchObject({ exit: 1 })

    house.write('drop/people.csv', `external_id,status,terminated_at\nleaver-hr-3,${mark('cell')},${mark('instant')}\n`)
    house.write('drop/people.jsonl', `{"external_id":"leaver-hr-4","${mark('column')}":1}\n`)
    const reportsOf = () => readdirSync(house.path('drop/rejected')).filter((name) => name.endsWith('.report.json'))
    await vi.waitFor(
      async () => {
        await run('sources pull hr-files')
        expect(reportsOf()).toHaveLength(2)
      },
      { timeout: 60_000, interval: 1_000 },
    )
    const [rejected, reports] = [readdirSync(house.path('drop/rejected')), reportsOf()]
    for (const name of reports) note(`report ${name}`, readFileSync(house.path(`drop/rejected/${name}`), 'utf8'))
    // What was dropped is what was dropped, wherever it lies now.
    for (const name of rejected) if (!reports.includes(name)) rmSync(house.path(`drop/rejected/${name}`))
    for (const line of ['list', 'faults', 'faults --json', 'out-of-sight hr-report', 'dismiss-faults hr-report'])
      await run(`sources ${line}`)
  }
  const stop = async () => {
    server.closeAllConnections()
    await new Promise((resolve) => server.close(resolve))
  }
  return { sources, tell, stop }
}
