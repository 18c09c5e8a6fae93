import { armor, Encrypter, generateX25519Identity, identityToRecipient } from 'age-encryption'
import { expect } from 'vitest'
import type { House } from '../servers/revenant.ts'
import type { Marks } from './marks.ts'
import type { Run } from './run.ts'

/** Secrets that are handed over encrypted, whole and broken; answers how many credentials they make. One of them opens its door. */
export async function submissions(house: House, marks: Marks, run: Run, live: Set<string>): Promise<number> {
  const recipient = (await run('keys recipient')).stdout.trim()
  expect(recipient).toMatch(/^age1/)
  const stranger = await identityToRecipient(await generateX25519Identity())
  const encrypt = async (content: unknown, to = recipient) => {
    const encrypter = new Encrypter()
    encrypter.addRecipient(to)
    return encrypter.encrypt(typeof content === 'string' ? content : JSON.stringify(content))
  }
  const armoured = async (content: unknown, to?: string) => armor.encode(await encrypt(content, to))
  const mark = (place: string) => marks.plant(`submission: ${place}`)
  const row = (label: string, secret_age: string) => JSON.stringify({ identity: 'leaver-0', system: 'bearer', label, secret_age })
  const lines = (all: readonly string[]) => `${all.join('\n')}\n`

  const alive = mark('alive')
  live.add(alive)
  const bound = { identity: 'leaver-0', system: 'bearer', secret: { token: alive } }
  const unbound = await encrypt({ token: mark('unbound') })
  house.write(
    'handed.jsonl',
    lines([row('bound', await armoured(bound)), row('unbound', Buffer.from(unbound).toString('base64'))]),
  )
  const csv = `identity,system,label,secret.token\nleaver-1,bearer,in a file,${mark('in a file')}\n`
  house.write('handed.csv.age', await armoured(csv))
  for (const file of ['handed.jsonl', 'handed.csv.age'])
    expect([file, await run(`import credentials ${file} --json`)]).toEqual([file, expect.objectContaining({ exit: 0 })])

  const other = { ...bound, identity: 'leaver-3', secret: { token: mark('of somebody else') } }
  const more = { ...bound, secret: { token: mark('with more beside') }, [mark('a key')]: mark('beside') }
  const cut = await encrypt({ token: mark('cut short') })
  const bad = [
    await armoured(other),
    await armoured(more),
    await armoured({ token: mark('for somebody else') }, stranger),
    Buffer.from(cut.slice(0, -4)).toString('base64'),
    await armoured(mark('no object')),
    await armoured({ password: mark('not of the probe') }),
    await armoured({ [mark('a field')]: 'x' }),
    mark('not encrypted at all'),
    JSON.stringify({ token: mark('nor in JSON') }),
  ]
  house.write('mishanded.jsonl', lines(bad.map((text, n) => row(`bad ${n}`, text))))
  house.write('stranger.age', await armoured(csv.replace(/,[^,]*$/, `,${mark('file for somebody else')}\n`), stranger))
  house.write('headless.age', await armoured(`leaver-1,bearer,${mark('file without header')}\n`))
  house.write(
    'bad-row.age',
    await armoured(`{"identity":"leaver-0","system":"bearer","secret":"${mark('bad row in a file')}"}\n`),
  )
  house.write('open.age', `{"identity":"leaver-0","system":"bearer","secret":{"token":"${mark('file not encrypted')}"}}\n`)
  for (const file of ['mishanded.jsonl', 'stranger.age', 'headless.age', 'bad-row.age', 'open.age'])
    for (const json of ['', ' --json'])
      expect([file, await run(`import credentials ${file}${json}`)]).toEqual([file, expect.objectContaining({ exit: 2 })])
  return 3
}
