import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { request } from 'undici'
import { z } from 'zod'
import { errorCode, RevenantError } from '../domain/error.ts'
import { CONTROL_FILE } from './control.ts'
import type { DoorState } from './door.ts'

const controlFile = z.object({ url: z.url({ protocol: /^http$/, hostname: /^127\.0\.0\.1$/ }), token: z.string().min(1) })

const answer = z.object({
  doors: z.array(
    z.object({ name: z.string(), system: z.string(), description: z.string(), closedBy: z.string(), open: z.boolean() }),
  ),
})

const failure = z.object({ message: z.string() })

/** Longer than any door takes: a statement to a database on the same machine. */
const TIMEOUT_MS = 10_000

/** The doors of the demo that runs on this folder. Throws `NOT_FOUND` when none runs. */
export async function labDoors(folder: string): Promise<DoorState[]> {
  return call(folder, 'GET', '/doors')
}

/** Closes or opens a door of the demo that runs on this folder. Throws `NOT_FOUND` when none runs, or has no such door. */
export async function labCommand(folder: string, action: 'revoke' | 'restore', door: string): Promise<DoorState> {
  if (!/^[a-z0-9-]+$/.test(door)) throw new RevenantError('NOT_FOUND', 'a door is called like maya-ssh-key: see `demo doors`')
  const [state] = await call(folder, 'POST', `/doors/${door}/${action}`)
  if (state === undefined) throw new RevenantError('INTERNAL', 'the demo did not say what became of the door')
  return state
}

async function call(folder: string, method: 'GET' | 'POST', path: string): Promise<DoorState[]> {
  const { url, token } = await readControl(folder)
  try {
    const headers = { authorization: `Bearer ${token}` }
    const { statusCode, body } = await request(url + path, { method, headers, signal: AbortSignal.timeout(TIMEOUT_MS) })
    const json = await body.json()
    if (statusCode === 200) return answer.parse(json).doors
    throw new RevenantError(statusCode === 404 ? 'NOT_FOUND' : 'INTERNAL', failure.parse(json).message)
  } catch (error) {
    if (errorCode(error) === 'ECONNREFUSED') throw notRunning(folder)
    throw error
  }
}

async function readControl(folder: string): Promise<z.infer<typeof controlFile>> {
  try {
    return controlFile.parse(JSON.parse(await readFile(join(folder, CONTROL_FILE), 'utf8')))
  } catch (error) {
    if (errorCode(error) === 'EACCES') {
      throw new RevenantError('NOT_FOUND', `the demo in ${folder} was started by another user: run this as that user`)
    }
    throw notRunning(folder)
  }
}

function notRunning(folder: string): RevenantError {
  return new RevenantError('NOT_FOUND', `no demo is running in ${folder}: start one in another terminal with \`npm run demo\``)
}
