import { randomBytes } from 'node:crypto'
import { rename, writeFile } from 'node:fs/promises'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { join } from 'node:path'
import { RevenantError, toError } from '../domain/error.ts'
import { type Door, doorNamed, doorState } from './door.ts'
import { bearerOf, sendJson, startHttp } from './http-server.ts'

/** Where a client finds the endpoint and its token: a file of mode 0600 in the lab's folder. */
export const CONTROL_FILE = 'control.json'

export interface Control {
  stop(): Promise<void>
}

/**
 * Lets other processes of the same user list, close and open the doors: HTTP on loopback with a bearer token.
 * `GET /doors`, `POST /doors/NAME/revoke`, `POST /doors/NAME/restore`.
 */
export async function startControl(folder: string, doors: readonly Door[], onChange: (door: Door) => void): Promise<Control> {
  const token = randomBytes(32).toString('base64url')
  const handle = async (request: IncomingMessage, response: ServerResponse) => {
    if (bearerOf(request) !== token) return sendJson(response, 401, { message: 'unauthorized' })
    const [, name, action] = /^\/doors(?:\/([a-z0-9-]+)\/(revoke|restore))?$/.exec(request.url ?? '') ?? []
    if (request.url === '/doors' && request.method === 'GET') return sendJson(response, 200, { doors: doors.map(doorState) })
    if (name === undefined || request.method !== 'POST') return sendJson(response, 404, { message: 'not found' })
    const door = doorNamed(doors, name)
    await (action === 'revoke' ? door.revoke() : door.restore())
    onChange(door)
    sendJson(response, 200, { doors: [doorState(door)] })
  }
  const fail = (response: ServerResponse, error: Error) => {
    const input = error instanceof RevenantError && error.code === 'NOT_FOUND'
    sendJson(response, input ? 404 : 500, { message: error.message })
  }
  const server = await startHttp((request, response) => {
    void handle(request, response).catch((error) => fail(response, toError(error)))
  })
  // Written beside and moved: who finds the file finds all of it.
  const file = join(folder, CONTROL_FILE)
  await writeFile(`${file}.new`, JSON.stringify({ url: server.url, token }), { mode: 0o600 })
  await rename(`${file}.new`, file)
  return { stop: server.stop }
}
