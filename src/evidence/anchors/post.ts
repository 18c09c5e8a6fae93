import { errorCode, RevenantError, toError } from '../../domain/error.ts'

const TIMEOUT_MS = 20_000
/** Timestamps with their certificates, the longest answers here, have a few kilobytes. */
const MAX_ANSWER_BYTES = 262_144

export interface PostedAnswer {
  status: number
  contentType: string
  body: Buffer
}

/** POSTs once, follows no redirect. Throws `SINK_UNREACHABLE` where no whole answer came. */
export async function post(
  url: string,
  options: { body: string | Uint8Array; contentType: string; authorization?: string | undefined; signal: AbortSignal },
): Promise<PostedAnswer> {
  // Loaded with the first anchor: it takes 20 MB.
  const { Agent, request } = await import('undici')
  const agent = new Agent({
    connections: 1,
    headersTimeout: TIMEOUT_MS,
    bodyTimeout: TIMEOUT_MS,
    connect: { timeout: TIMEOUT_MS },
  })
  try {
    const answer = await request(url, {
      dispatcher: agent,
      method: 'POST',
      body: options.body,
      signal: AbortSignal.any([options.signal, AbortSignal.timeout(TIMEOUT_MS)]),
      headers: {
        'content-type': options.contentType,
        ...(options.authorization === undefined ? {} : { authorization: options.authorization }),
      },
    })
    const chunks: Buffer[] = []
    let size = 0
    for await (const chunk of answer.body) {
      const bytes = Buffer.from(chunk)
      size += bytes.length
      if (size > MAX_ANSWER_BYTES) throw new RevenantError('SINK_REFUSED', 'the anchor answered more than it can have to say')
      chunks.push(bytes)
    }
    const type = answer.headers['content-type']
    return { status: answer.statusCode, contentType: typeof type === 'string' ? type : '', body: Buffer.concat(chunks) }
  } catch (error) {
    if (error instanceof RevenantError) throw error
    // Not the message: it may quote the address.
    throw new RevenantError('SINK_UNREACHABLE', `the anchor gave no answer (${errorCode(error) ?? toError(error).name})`)
  } finally {
    await agent.destroy()
  }
}

export function refused(status: number): RevenantError {
  return new RevenantError('SINK_REFUSED', `the anchor answered ${status}`)
}
