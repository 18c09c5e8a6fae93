import { z } from 'zod'
import { placeOfHost } from '../found/place.ts'
import { notOne, type Stored } from './stored.ts'
import { parseJson } from './structured.ts'

const file = z.object({ credentials: z.record(z.string(), z.object({ token: z.string().optional() })).optional() })

/** `credentials.tfrc.json` (Terraform CLI, `terraform login`): tokens by host. */
export function readTfrcJson(text: string): Stored[] {
  const parsed = file.safeParse(parseJson(text))
  if (!parsed.success) return [notOne("Terraform's file of credentials")]
  return Object.entries(parsed.data.credentials ?? {}).map(([host, { token }]) => storedOf(host, token))
}

/** Blocks hold settings only, so that the first brace closes one. */
const BLOCK = /^[ \t]*credentials[ \t]+"([^"\n]+)"[ \t]*\{([^{}]*)\}/gm
const TOKENS = /^[ \t]*token[ \t]*=[ \t]*"((?:[^"\\\n]|\\.)*)"[ \t]*(?:(?:#|\/\/).*)?$/gm

/**
 * `.terraformrc` (Terraform CLI configuration): the `credentials "HOST" { token = "…" }` blocks of it, and no other HCL: the parsers
 * of npm are the whole of Terraform in WebAssembly, or have not been kept since 2021. What has an escape or a template is not clear.
 */
export function readTerraformrc(text: string): Stored[] {
  let line = 1
  let counted = 0
  const blocks = [...text.matchAll(BLOCK)].map((match): Stored => {
    const [, host = '', body = ''] = match
    for (; counted < match.index; counted++) if (text[counted] === '\n') line++
    const [token, ...more] = [...body.matchAll(TOKENS)].map(([, each = '']) => each)
    const isOdd =
      token === undefined
        ? /^[ \t]*token\b|(?:#|\/\/)[^\n]*$/.test(body) || /\n[ \t]*token\b/.test(body)
        : /\\|\$\{|%\{/.test(token)
    if (isOdd || more.some((each) => each !== token)) return { reason: 'unclear', line }
    return { ...storedOf(host, token), line }
  })
  const opened = [...text.matchAll(/^[ \t]*credentials[ \t]+"/gm)].length
  if (opened > blocks.length)
    blocks.push(notOne("Terraform's configuration: a credentials block is not closed, or holds another"))
  if (/^[ \t]*credentials_helper[ \t]+"/m.test(text)) blocks.push({ reason: 'elsewhere' })
  return blocks
}

function storedOf(host: string, token: string | undefined): Stored {
  const place = placeOfHost(host)
  if (place === undefined) return notOne("Terraform's configuration: a host is not one")
  if (token === undefined) return { reason: 'no_secret', host: place.host }
  return { kinds: 'web', parts: { token }, place }
}
