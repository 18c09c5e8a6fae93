import { z } from 'zod'
import { openSigner } from '../formats/signer.ts'
import { CERTIFICATE_PAIR } from './entry-rules.ts'
import { httpSink } from './http.ts'
import { urlField } from './http-address.ts'
import { isPage, isSuccess, jsonOf, type KnownCode, refusedBy, unexpected } from './http-answer.ts'
import {
  commonFields,
  formatField,
  requiredSecret,
  resolved,
  resolvedSecret,
  type Sink,
  type SinkDeps,
  secretField,
  tlsFields,
} from './sink.ts'

export const ssfEntry = z
  .strictObject({
    ...commonFields,
    ...tlsFields,
    ...secretField,
    format: formatField(['caep']),
    sink: z.literal('ssf'),
    to: urlField('The endpoint_url of the stream.'),
    signingKey: requiredSecret('Private key that signs: PKCS #8 in PEM, Ed25519 or RSA.'),
    issuer: z
      .url({ protocol: /^https$/ })
      .max(500)
      .describe('`iss` of every token: the issuer that the receiver knows the public key by.'),
    audience: z.string().min(1).max(500).describe('`aud` of every token: what the receiver calls itself.'),
  })
  .refine(CERTIFICATE_PAIR.holds, CERTIFICATE_PAIR.fault)

/** RFC 8935 §2.4 and SSF 1.0: the receiver names a code. Only `invalid_request` is final: the others get mended, and the token stays the same. */
const ERRORS: Readonly<Record<string, KnownCode>> = {
  invalid_request: { retry: false, advice: 'The receiver does not take such a token: check that its stream wants CAEP events.' },
  invalid_key: {
    retry: true,
    advice: 'The receiver does not know the key: publish the public key at the jwks_uri of the issuer.',
  },
  invalid_issuer: { retry: true, advice: 'The receiver expects another issuer: compare `issuer` with the stream.' },
  invalid_audience: {
    retry: true,
    advice: 'The receiver expects another audience: compare `audience` with the `aud` of the stream.',
  },
  authentication_failed: {
    retry: true,
    advice: 'The receiver does not know the sender: compare `secret` with the authorization_header of the stream.',
  },
  access_denied: { retry: true, advice: 'The receiver knows the sender and refuses it: look at the rights of the stream there.' },
  invalid_state: { retry: true, advice: 'The receiver has no such stream, or has paused it: look there.' },
}
const errorAnswer = z.object({ err: z.string() })

/**
 * Pushes Security Event Tokens (RFC 8935) to a receiver of Shared Signals. Delivered: the receiver has taken the token (202); what it makes
 * of it, it does not say. Retries push the same token, which it knows by its `jti`. Throws SECRET_INVALID for a key that cannot sign.
 */
export function openSsf(entry: z.output<typeof ssfEntry>, deps: SinkDeps): Sink {
  const { signingKey = '' } = resolved(entry, deps, ['signingKey'])
  const { secret } = entry
  const authorization = secret === undefined ? {} : { authorization: resolvedSecret({ name: entry.name, secret }, deps) }
  const sink = httpSink(entry, deps, {
    kind: 'ssf',
    async deliver({ rendered }, http) {
      const headers = { 'content-type': rendered.contentType, accept: 'application/json', ...authorization }
      const answer = await http.post({ headers, body: rendered.body, read: 'refusal' })
      if (isSuccess(answer) && !isPage(answer)) return { detail: { status: answer.status } }
      if (isSuccess(answer)) throw unexpected(entry.name, answer)
      throw refusedBy(entry.name, answer, ERRORS, jsonOf(answer, errorAnswer)?.err)
    },
  })
  return { ...sink, signer: openSigner({ privateKey: signingKey, issuer: entry.issuer, audience: entry.audience }) }
}
