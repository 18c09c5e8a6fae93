import { createHmac, randomUUID } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import ssh2 from 'ssh2'
import { Agent, request } from 'undici'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { z } from 'zod'
import { loadProbe } from '../../probes/registry.ts'
import { fileSchema } from '../../src/config/schema.ts'
import { parseReference } from '../../src/domain/reference.ts'
import type { DoorState } from '../../src/lab/door.ts'
import { type Lab, startLab } from '../../src/lab/lab.ts'
import type { CredentialRow } from '../../src/lab/people.ts'
import type { ReceivedAlert } from '../../src/lab/receiver.ts'
import { labCommand, labDoors } from '../../src/lab/remote.ts'

const root = mkdtempSync(join(tmpdir(), 'revenant-lab-test-'))
const folder = join(root, 'lab')
const alerts: ReceivedAlert[] = []
const moved: DoorState[] = []
let lab: Lab

beforeAll(async () => {
  lab = await startLab(folder, { onAlert: (alert) => alerts.push(alert), onDoor: (door) => moved.push(door) })
})

afterAll(async () => {
  await lab?.stop()
  rmSync(root, { recursive: true, force: true })
})

/** Which credential each door belongs to, and whether it is open when the demo begins. */
const DOORS = [
  { door: 'maya-token', open: true, system: 'code-host', identity: 'maya.lindqvist', label: 'laptop token' },
  { door: 'maya-ci-token', open: false, system: 'code-host', identity: 'maya.lindqvist', label: 'ci token' },
  { door: 'jonas-token', open: false, system: 'code-host', identity: 'jonas.weber', label: 'laptop token' },
  { door: 'priya-token', open: true, system: 'code-host', identity: 'priya.nair', label: 'ci token' },
  { door: 'agent-key', open: true, system: 'code-host', identity: 'agent-triage', label: 'api key' },
  { door: 'backup-token', open: true, system: 'code-host', identity: 'svc-nightly-backup', label: 'mirror token' },
  { door: 'maya-ssh-password', open: false, system: 'bastion', identity: 'maya.lindqvist', label: 'ssh password' },
  { door: 'maya-ssh-key', open: true, system: 'bastion', identity: 'maya.lindqvist', label: 'ssh key' },
  { door: 'jonas-ssh-key', open: false, system: 'bastion', identity: 'jonas.weber', label: 'ssh key' },
  { door: 'backup-db', open: true, system: 'payroll-db', identity: 'svc-nightly-backup', label: 'backup login' },
  { door: 'reporting-db', open: true, system: 'payroll-db', identity: 'maya.lindqvist', label: 'reporting login' },
  { door: 'jonas-db', open: false, system: 'payroll-db', identity: 'jonas.weber', label: 'own login' },
] as const

const http = z.object({ token: z.string() })
const password = z.object({ username: z.string(), password: z.string() })
const sshSecret = z.object({ username: z.string(), password: z.string().optional(), privateKey: z.string().optional() })

describe('the doors, through the real clients', () => {
  it('has the whole lab on this machine', () => {
    expect(lab.missing).toEqual([])
    expect(lab.doors().map((door) => door.name)).toEqual([...DOORS.map((each) => each.door), 'crm-token', 'wiki'])
  })

  it.each(DOORS)('$door', async ({ door, open, system, identity, label }) => {
    const credential = credentialOf(system, identity, label)
    expect(stateOf(door).open).toBe(open)
    expect(await opens(credential)).toBe(open)
    await lab.revoke(door)
    await lab.revoke(door)
    expect(await opens(credential)).toBe(false)
    expect(await lab.restore(door)).toMatchObject({ name: door, open: true })
    await lab.restore(door)
    expect(await opens(credential)).toBe(true)
    await lab.revoke(door)
    expect(await opens(credential)).toBe(false)
    if (open) await lab.restore(door)
    expect(stateOf(door).open).toBe(open)
  })

  it('opens somebody else’s account with the token of nightly-backup', async () => {
    const { secret } = credentialOf('code-host', 'svc-nightly-backup', 'mirror token')
    expect(await user('code-host', http.parse(secret).token)).toMatchObject({ status: 200, body: { login: 'release-bot' } })
  })

  it('refuses as RFC 6750 says', async () => {
    expect(await user('code-host', undefined)).toMatchObject({ status: 401, challenge: 'Bearer realm="code-host"' })
    expect(await user('code-host', 'made-up')).toMatchObject({
      status: 401,
      challenge: 'Bearer realm="code-host", error="invalid_token"',
      body: { error: 'invalid_token' },
    })
  })

  it('has a key that a locked password does not stop', async () => {
    expect(stateOf('maya-ssh-password').open).toBe(false)
    expect(await opens(credentialOf('bastion', 'maya.lindqvist', 'ssh key'))).toBe(true)
  })

  it('has a wiki that lets anybody in, until it is mended', async () => {
    expect(await user('team-wiki', 'made-up')).toMatchObject({ status: 200, body: { login: 'guest' } })
    await lab.revoke('wiki')
    expect(await user('team-wiki', 'made-up')).toMatchObject({ status: 401 })
    await lab.restore('wiki')
    expect(await user('team-wiki', undefined)).toMatchObject({ status: 200 })
  })

  it('limits the rate of the CRM', async () => {
    const { token } = http.parse(credentialOf('crm', 'jonas.weber', 'export token').secret)
    const answers = [await user('crm', token), await user('crm', token), await user('crm', token), await user('crm', token)]
    expect(answers.map(({ status }) => status)).toEqual([401, 401, 401, 429])
    expect(Number(answers[3]?.retryAfter)).toBeGreaterThan(0)
  })

  it('has a host that is down', async () => {
    await expect(user('old-ci', 'anything')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })

  it('does not know other doors', async () => {
    await expect(lab.revoke('front-door')).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('what a daemon is given', () => {
  it('is a systems section that the configuration takes', () => {
    const parsed = fileSchema.parse({ systems: lab.systems })
    expect(parsed.systems.map(({ name }) => name)).toEqual(['code-host', 'bastion', 'payroll-db', 'crm', 'team-wiki', 'old-ci'])
  })

  it('has canaries that the probes find accepted, and decoys that they find refused', async () => {
    for (const entry of lab.systems.filter(({ controls, name }) => controls !== undefined && name !== 'crm')) {
      const bound = (await loadProbe(entry.probe)).bind(entry.target)
      const canary = bound.secret(mapValues(entry.controls?.canary ?? {}, resolved))
      const context = { signal: AbortSignal.timeout(10_000), http: new Agent(), attribution: 'revenant/test' }
      expect([entry.name, (await canary.attempt(context)).verdict]).toEqual([entry.name, 'accepted'])
      const decoy = canary.decoy('same-principal')
      expect([entry.name, (await decoy?.attempt(context))?.verdict]).toEqual([entry.name, 'rejected'])
      await context.http.close()
    }
  })

  it('is judged by the probes as it is', async () => {
    const agent = new Agent()
    const verdicts = DOORS.map(async ({ door, system, identity, label }) => {
      const entry = lab.systems.find(({ name }) => name === system)
      if (entry === undefined) throw new Error(`no system ${system}`)
      const secret = (await loadProbe(entry.probe)).bind(entry.target).secret(credentialOf(system, identity, label).secret)
      const { verdict } = await secret.attempt({
        signal: AbortSignal.timeout(10_000),
        http: agent,
        attribution: 'revenant/test',
      })
      return [door, verdict]
    })
    expect(await Promise.all(verdicts)).toEqual(DOORS.map(({ door, open }) => [door, open ? 'accepted' : 'rejected']))
    await agent.close()
  })

  it('has secrets that fit their probes, and identities for all of them', async () => {
    for (const { system, secret, identity } of lab.credentials) {
      const entry = lab.systems.find(({ name }) => name === system)
      if (entry === undefined) throw new Error(`no system ${system}`)
      const bound = (await loadProbe(entry.probe)).bind(entry.target)
      expect(() => bound.secret(secret)).not.toThrow()
      expect(lab.identities.map((row) => row.external_id)).toContain(identity)
    }
  })

  it('is written to files that only this user may read', () => {
    const lines = readFileSync(lab.credentialsFile, 'utf8').trimEnd().split('\n')
    expect(lines.map((text): unknown => JSON.parse(text))).toEqual(lab.credentials)
    expect(readFileSync(lab.identitiesFile, 'utf8').split('\n')[0]).toBe('external_id,kind,name,email,owner,status,terminated_at')
    for (const file of [
      lab.credentialsFile,
      lab.identitiesFile,
      resolvedPath(lab.receiver.secret),
      join(folder, 'control.json'),
    ]) {
      expect([file, (statSync(file).mode & 0o777).toString(8)]).toEqual([file, '600'])
    }
    expect((statSync(folder).mode & 0o777).toString(8)).toBe('700')
  })
})

describe('the remote control', () => {
  it('lists, closes and opens doors from another process', async () => {
    expect(await labDoors(folder)).toEqual(lab.doors())
    moved.length = 0
    expect(await labCommand(folder, 'revoke', 'maya-ssh-key')).toMatchObject({ name: 'maya-ssh-key', open: false })
    expect(await opens(credentialOf('bastion', 'maya.lindqvist', 'ssh key'))).toBe(false)
    expect(await labCommand(folder, 'restore', 'maya-ssh-key')).toMatchObject({ name: 'maya-ssh-key', open: true })
    expect(await opens(credentialOf('bastion', 'maya.lindqvist', 'ssh key'))).toBe(true)
    expect(moved.map(({ name, open }) => [name, open])).toEqual([
      ['maya-ssh-key', false],
      ['maya-ssh-key', true],
    ])
  })

  it.each([
    ['a door that is not there', 'front-door'],
    ['a name that is no name', '../x'],
  ])('says so: %s', async (_, door) => {
    await expect(labCommand(folder, 'revoke', door)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })

  it('asks for its token', async () => {
    const { url } = z.object({ url: z.string() }).parse(JSON.parse(readFileSync(join(folder, 'control.json'), 'utf8')))
    const { statusCode, body } = await request(`${url}/doors/maya-token/revoke`, {
      method: 'POST',
      headers: { authorization: 'Bearer made-up' },
    })
    await body.dump()
    expect([statusCode, stateOf('maya-token').open]).toEqual([401, true])
  })

  it('says that no demo runs: no folder, and a folder that one left behind', async () => {
    await expect(labDoors(join(root, 'nowhere'))).rejects.toMatchObject({ code: 'NOT_FOUND' })
    const stale = mkdtempSync(join(root, 'stale-'))
    const control = { url: `http://127.0.0.1:${portOf('old-ci')}`, token: 'x' }
    writeFileSync(join(stale, 'control.json'), JSON.stringify(control))
    await expect(labDoors(stale)).rejects.toMatchObject({ code: 'NOT_FOUND' })
  })
})

describe('the receiver', () => {
  const alert = (id: string) =>
    JSON.stringify({
      type: 'revenant.finding.opened',
      timestamp: '2026-11-22T08:00:00Z',
      version: 1,
      data: { id, dedupKey: 'd', event: 'opened', title: 'Residual access', finding: { severity: 'high' } },
    })

  it('takes a signed alert and tells of it once', async () => {
    const id = randomUUID()
    expect(await deliver(alert(id))).toBe(200)
    expect(await deliver(alert(id))).toBe(200)
    expect(alerts.filter((each) => each.id === id)).toMatchObject([
      { event: 'opened', severity: 'high', title: 'Residual access' },
    ])
  })

  const forged: [string, Delivery, number][] = [
    ['another key', { key: Buffer.alloc(32, 7) }, 401],
    ['a body that was changed', { sent: alert('changed') }, 401],
    ['an old delivery', { timestamp: Math.floor(Date.now() / 1_000) - 3_600 }, 401],
    ['no signature', { signature: '' }, 401],
    ['something that is no alert', { body: '{}' }, 400],
  ]
  it.each(forged)('refuses %s', async (_, change, status) => {
    const before = alerts.length
    expect(await deliver(change.body ?? alert(randomUUID()), change)).toBe(status)
    expect(alerts.length).toBe(before)
  })
})

it('does not start in a folder that holds something else', async () => {
  await expect(startLab(folder)).rejects.toMatchObject({ code: 'CONFLICT' })
  expect(existsSync(lab.credentialsFile)).toBe(true)
})

it('stops everything and removes the folder', async () => {
  const ports = ['code-host', 'bastion', 'payroll-db', 'crm', 'team-wiki', 'old-ci'].map(portOf)
  await Promise.all([lab.stop(), lab.stop()])
  expect(existsSync(folder)).toBe(false)
  for (const port of ports) expect([port, await connects(port)]).toEqual([port, 'ECONNREFUSED'])
})

interface Delivery {
  key?: Buffer
  body?: string
  sent?: string
  timestamp?: number
  signature?: string
}

async function deliver(body: string, { key, sent, timestamp = Math.floor(Date.now() / 1_000), signature }: Delivery = {}) {
  const signing = key ?? Buffer.from(resolved(lab.receiver.secret).replace('whsec_', ''), 'base64')
  const digest = createHmac('sha256', signing).update(`msg.${timestamp}.${body}`).digest('base64')
  const headers = {
    'webhook-id': 'msg',
    'webhook-timestamp': String(timestamp),
    'webhook-signature': signature ?? `v1,${digest}`,
  }
  const answer = await request(lab.receiver.url, { method: 'POST', headers, body: sent ?? body })
  await answer.body.dump()
  return answer.statusCode
}

function credentialOf(system: string, identity: string, label: string): CredentialRow {
  const found = lab.credentials.filter((row) => row.system === system && row.identity === identity && row.label === label)
  const [credential] = found
  if (credential === undefined || found.length !== 1)
    throw new Error(`${found.length} credentials ${system} ${identity} ${label}`)
  return credential
}

function stateOf(name: string): DoorState {
  const door = lab.doors().find((each) => each.name === name)
  if (door === undefined) throw new Error(`no door ${name}`)
  return door
}

const target = z.object({ url: z.string().optional(), port: z.number().optional() })

function targetOf(system: string) {
  return target.parse(lab.systems.find(({ name }) => name === system)?.target)
}

function portOf(system: string): number {
  const { url, port } = targetOf(system)
  return port ?? Number(new URL(url ?? '').port)
}

/** Whether the real client gets in. Every other failure than a refusal is thrown. */
async function opens({ system, secret }: CredentialRow): Promise<boolean> {
  if (system === 'bastion') return sshOpens(sshSecret.parse(secret))
  if (system === 'payroll-db') return pgOpens(password.parse(secret))
  const { status } = await user(system, http.parse(secret).token)
  if (status !== 200 && status !== 401) throw new Error(`status ${status}`)
  return status === 200
}

async function user(system: string, token: string | undefined) {
  const headers = token === undefined ? {} : { authorization: `Bearer ${token}` }
  const answer = await request(targetOf(system).url ?? '', { headers })
  const body: unknown = await answer.body.json()
  return {
    status: answer.statusCode,
    body,
    challenge: answer.headers['www-authenticate'],
    retryAfter: answer.headers['retry-after'],
  }
}

async function sshOpens(secret: z.infer<typeof sshSecret>): Promise<boolean> {
  const client = new ssh2.Client()
  const { username, password: word, privateKey } = secret
  const login = { ...(word === undefined ? {} : { password: word }), ...(privateKey === undefined ? {} : { privateKey }) }
  try {
    return await new Promise<boolean>((resolve, reject) => {
      client.on('ready', () => resolve(true))
      client.on('error', (error: Error & { level?: string }) =>
        error.level === 'client-authentication' ? resolve(false) : reject(error),
      )
      client.connect({ host: '127.0.0.1', port: portOf('bastion'), username, ...login })
    })
  } finally {
    client.end()
  }
}

async function pgOpens({ username, password: word }: z.infer<typeof password>): Promise<boolean> {
  const client = new pg.Client({
    host: '127.0.0.1',
    port: portOf('payroll-db'),
    database: 'payroll',
    user: username,
    password: word,
  })
  try {
    await client.connect()
    const { rows } = await client.query('select current_user as me')
    expect(rows).toEqual([{ me: username }])
    return true
  } catch (error) {
    if (error instanceof pg.DatabaseError && (error.code === '28P01' || error.code === '28000')) return false
    throw error
  } finally {
    await client.end()
  }
}

function connects(port: number): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy()
      resolve('connected')
    })
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''))
  })
}

function resolvedPath(reference: string): string {
  return parseReference(reference)?.rest ?? ''
}

function resolved(value: string): string {
  return parseReference(value) === undefined ? value : readFileSync(resolvedPath(value), 'utf8')
}

function mapValues(fields: Readonly<Record<string, string>>, map: (value: string) => string): Record<string, string> {
  return Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, map(value)]))
}
