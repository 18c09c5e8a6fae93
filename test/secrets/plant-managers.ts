import { type Asked, type Reply, startHttpReceiver } from '../servers/http-receiver.ts'
import type { House } from '../servers/revenant.ts'
import type { Marks } from './marks.ts'

/** Secrets that secret managers hold, and managers that quote in every refusal what they were sent and what they hold. */
export interface Managers {
  secretManagers: object[]
  /** Credentials of the system `bearer`. */
  rows: object[]
  stop(): Promise<void>
}

/** Vault's documented answers on loopback, but for what it refuses; and a program. */
export async function plantManagers(marks: Marks, house: House, live: Set<string>, elsewhere: string): Promise<Managers> {
  const token = marks.plant('token of a secret manager')
  const held = new Map(
    ['alive', 'dead', 'refused', 'broken', 'sealed', 'moved', 'text'].map((path) => [path, marks.plant(`vault ${path}`)]),
  )
  live.add(held.get('alive') ?? '')
  const server = await startHttpReceiver((asked) => answer(asked, held, elsewhere))
  const printed = marks.plant('printed by a program')
  const program = house.write('programs/print', `#!/bin/sh\necho ${printed}\necho ${printed} >&2\nexit 1\n`, 0o700)
  const file = house.write('managers/token', `${token}\n`)
  const leaver = { system: 'bearer', identity: 'leaver-1', privilege: 'admin' }
  const references = [
    ...[...held.keys()].map((path) => `vault:planted/secret/${path}#token`),
    'vault:planted/secret/alive#none',
    'exec:planted-program',
  ]
  return {
    secretManagers: [
      { name: 'planted', manager: 'vault', address: server.origin, auth: { method: 'token', token: `file:${file}` } },
      { name: 'planted-program', manager: 'exec', program },
    ],
    rows: references.map((reference) => ({ ...leaver, label: reference, secret_ref: JSON.stringify({ token: reference }) })),
    stop: server.close,
  }
}

function answer({ path, headers }: Asked, held: ReadonlyMap<string, string>, elsewhere: string): Reply {
  const token = String(headers['x-vault-token'])
  const name = path.split('/').at(-1) ?? ''
  const secret = held.get(name) ?? token
  const quoting = { 'x-echo': `${token} ${secret}`, location: `${elsewhere}/?token=${token}&secret=${secret}` }
  const errors = { errors: [token, secret, `permission denied for ${token}`] }
  if (path === '/v1/auth/token/renew-self') return { status: 400, headers: quoting, body: errors }
  if (name === 'alive' || name === 'dead')
    return { status: 200, headers: quoting, body: { data: { data: { token: secret }, metadata: { version: 1 } } } }
  if (name === 'moved') return { status: 307, headers: quoting, body: errors }
  if (name === 'text') return { status: 200, headers: quoting, body: `${token} ${secret}` }
  return { status: { refused: 403, broken: 500, sealed: 503 }[name] ?? 404, headers: quoting, body: errors }
}
