import { csrf, signedOut } from './session.ts'

/** What the API answered instead of what was asked for (RFC 9457), or that it did not answer. */
export class ApiError extends Error {
  /** 0: no answer came. */
  readonly status: number
  readonly faults: readonly { field: string; message: string }[]

  constructor(status: number, detail: string, faults: readonly { field: string; message: string }[] = []) {
    super(detail)
    this.name = 'ApiError'
    this.status = status
    this.faults = faults
  }
}

export type Query = Readonly<Record<string, string | number | boolean | undefined>>

/** The address with its query; what is undefined or empty is left out. */
export function addressOf(path: string, query: Query = {}): string {
  const set = Object.entries(query).flatMap(([name, value]) =>
    value === undefined || value === '' ? [] : [[name, String(value)]],
  )
  const text = new URLSearchParams(set).toString()
  return text === '' ? path : `${path}?${text}`
}

/** Reads what stands at an address of the API. The shape is the API's word: its schemas are checked where it answers. */
export async function read<Body>(address: string, signal?: AbortSignal): Promise<Body> {
  const response = await ask(address, { headers: { accept: 'application/json' }, ...(signal === undefined ? {} : { signal }) })
  return response.json()
}

/** As `read`, and which version it is: what `ifMatch` takes. */
export async function readVersion<Body>(address: string): Promise<{ body: Body; version: string | undefined }> {
  const response = await ask(address, { headers: { accept: 'application/json' } })
  // A proxy that packs an answer calls its version weak; the API knows it by its own name.
  const version = response.headers.get('etag')?.replace(/^W\//, '')
  return { body: await response.json(), version }
}

export interface SendOptions {
  /** JSON. */
  body?: object
  /** A file, sent as it is. */
  upload?: { file: Blob; type: string }
  /** The version that the reader saw: refused with 412 when it is another by now. */
  ifMatch?: string
}

/** Ends something: there is nothing to answer. */
export async function remove(path: string): Promise<void> {
  await ask(path, { method: 'DELETE', ...requestOf('DELETE', {}) })
}

/** Changes something. Sent once: a repeat of the same call after a lost answer would be recognised by its key. */
export async function send<Body>(method: 'POST' | 'PUT' | 'PATCH', path: string, options: SendOptions = {}): Promise<Body> {
  const response = await ask(path, { method, ...requestOf(method, options) })
  return response.json()
}

/** Asks for a file that is made now. */
export async function fetchFile(path: string, body: object): Promise<{ blob: Blob; name: string }> {
  const response = await ask(path, { method: 'POST', ...requestOf('POST', { body }) })
  const name = /filename="([^"]+)"/.exec(response.headers.get('content-disposition') ?? '')?.[1] ?? 'download'
  return { blob: await response.blob(), name }
}

function requestOf(method: string, { body, upload, ifMatch }: SendOptions): RequestInit {
  const headers: Record<string, string> = { accept: 'application/json', 'x-csrf-token': csrf() }
  if (method === 'POST') headers['idempotency-key'] = crypto.randomUUID()
  if (ifMatch !== undefined) headers['if-match'] = ifMatch
  if (upload !== undefined) return { headers: { ...headers, 'content-type': upload.type }, body: upload.file }
  if (body === undefined) return { headers }
  return { headers: { ...headers, 'content-type': 'application/json' }, body: JSON.stringify(body) }
}

const LONGEST_WAIT_MS = 15_000

async function ask(path: string, init: RequestInit, patient = true): Promise<Response> {
  const response = await fetch(path, { credentials: 'same-origin', redirect: 'error', ...init }).catch((error: unknown) => {
    if (init.signal?.aborted === true) throw error
    throw new ApiError(0, 'The daemon does not answer. It may be restarting, or the connection is gone.')
  })
  if (response.ok) return response
  const wait = Number(response.headers.get('retry-after') ?? Number.NaN) * 1_000
  // Many who look at once share one budget: a question may wait, a change is the reader's to repeat.
  if (response.status === 429 && init.method === undefined && patient && wait <= LONGEST_WAIT_MS) {
    await new Promise((resolve) => setTimeout(resolve, wait))
    return ask(path, init, false)
  }
  const error = await problemOf(response)
  if (error.status === 401) signedOut()
  throw error
}

async function problemOf(response: Response): Promise<ApiError> {
  const text = await response.text().catch(() => '')
  try {
    const problem: { detail?: unknown; errors?: unknown } = JSON.parse(text)
    if (typeof problem.detail === 'string')
      return new ApiError(response.status, problem.detail, Array.isArray(problem.errors) ? problem.errors : [])
  } catch {
    // A proxy's page, or nothing at all.
  }
  return new ApiError(response.status, `The answer was ${response.status} ${response.statusText}.`)
}
