import { randomBytes, X509Certificate } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { errnoWords } from '../../domain/errno.ts'
import { errorCode, RevenantError } from '../../domain/error.ts'
import { sha256 } from '../crypto.ts'
import { isSame } from '../merkle.ts'
import { parseNote } from '../signed-note.ts'
import type { Anchor } from './anchor.ts'
import { post, refused } from './post.ts'

const SHA256 = '2.16.840.1.101.3.4.2.1'
const TST_INFO = '1.2.840.113549.1.9.16.1.4'
const EXTENDED_KEY_USAGE = '2.5.29.37'
const TIME_STAMPING = '1.3.6.1.5.5.7.3.8'
const NONCE_BYTES = 8

/**
 * Has the text of each checkpoint (its lines before the signatures) timestamped by an authority (RFC 3161). The response must hold our
 * imprint and our nonce, and be signed by a certificate for time-stamping that leads to one of `ca`.
 */
export function rfc3161Anchor(options: { url: string; ca: string; authorization?: string | undefined }): Anchor {
  return async ({ note }, { signal }) => {
    const text = Buffer.from(parseNote(note).text)
    const nonce = randomBytes(NONCE_BYTES)
    // A positive INTEGER without a leading zero byte, so that what comes back can be compared byte for byte.
    nonce[0] = ((nonce[0] ?? 0) & 0x3f) | 0x40
    const authorities = await readAuthorities(options.ca)
    const answer = await post(options.url, {
      body: await timestampRequest(sha256(text), nonce),
      contentType: 'application/timestamp-query',
      authorization: options.authorization,
      signal,
    })
    if (answer.status !== 200) throw refused(answer.status)
    return { statedAt: await verifyTimestamp(answer.body, text, authorities, nonce), proof: answer.body }
  }
}

/** A TimeStampReq, DER: version 1, SHA-256 imprint, nonce, certificate wanted. */
async function timestampRequest(imprint: Uint8Array, nonce: Uint8Array): Promise<Uint8Array> {
  const { AlgorithmIdentifier, MessageImprint, TimeStampReq } = await import('pkijs')
  const { Integer, OctetString, Null } = await import('asn1js')
  const request = new TimeStampReq({
    version: 1,
    messageImprint: new MessageImprint({
      hashAlgorithm: new AlgorithmIdentifier({ algorithmId: SHA256, algorithmParams: new Null() }),
      hashedMessage: new OctetString({ valueHex: bufferOf(imprint) }),
    }),
    nonce: new Integer({ valueHex: bufferOf(nonce) }),
    certReq: true,
  })
  return new Uint8Array(request.toSchema().toBER())
}

/**
 * The time that a TimeStampResp states, once all of it holds. Throws `SINK_REFUSED` where the authority declined, `EVIDENCE_INVALID`
 * for everything else.
 *
 * @param data what was timestamped, by its SHA-256
 * @param authorities PEM certificates that the signing certificate must lead to
 * @param nonce the request's; left out: a response from the shelf is checked
 */
export async function verifyTimestamp(
  response: Uint8Array,
  data: Uint8Array,
  authorities: readonly string[],
  nonce?: Uint8Array,
): Promise<Temporal.Instant> {
  const { Certificate, SignedData, TimeStampResp, TSTInfo } = await import('pkijs')
  const { status, token } = attempt(() => {
    const parsed = TimeStampResp.fromBER(bufferOf(response))
    return { status: Number(parsed.status.status), token: parsed.timeStampToken }
  })
  // 0 granted, 1 granted with modifications (RFC 3161 §2.4.2).
  if (status !== 0 && status !== 1)
    throw new RevenantError('SINK_REFUSED', `the time-stamping authority declined (status ${status})`)
  if (token === undefined) throw invalid('it holds no token')
  const signed = attempt(() => new SignedData({ schema: token.content }))
  const content = signed.encapContentInfo.eContent
  if (signed.encapContentInfo.eContentType !== TST_INFO || content === undefined) throw invalid('it is no timestamp')
  const info = attempt(() => TSTInfo.fromBER(content.getValue()))
  if (info.messageImprint.hashAlgorithm.algorithmId !== SHA256) throw invalid('its imprint is not SHA-256')
  if (!isSame(new Uint8Array(info.messageImprint.hashedMessage.getValue()), sha256(data)))
    throw invalid('it is of something else')
  if (nonce !== undefined && !isNonce(info.nonce?.valueBlock.valueHexView, nonce)) throw invalid('it answers another request')
  const trusted = authorities.map((pem) => Certificate.fromBER(bufferOf(new X509Certificate(pem).raw)))
  const result = await signed
    .verify({
      signer: 0,
      data: bufferOf(data),
      checkChain: true,
      checkDate: info.genTime,
      trustedCerts: trusted,
      extendedMode: true,
      passedWhenNotRevValues: true,
    })
    .catch(() => {
      // What the library says is English of its own, and may quote the response.
      throw invalid('its signature does not hold, or its certificate leads to none of `ca`')
    })
  if (result.signatureVerified !== true || result.signerCertificateVerified !== true) throw invalid('its signature does not hold')
  const usage = result.signerCertificate?.extensions?.find(({ extnID }) => extnID === EXTENDED_KEY_USAGE)?.parsedValue
  // RFC 3161 §2.3: nobody else's certificate may state a time.
  if (!isKeyUsage(usage) || !usage.keyPurposes.includes(TIME_STAMPING)) throw invalid('its certificate is not for time-stamping')
  return Temporal.Instant.fromEpochMilliseconds(info.genTime.getTime())
}

async function readAuthorities(path: string): Promise<string[]> {
  try {
    const found = (await readFile(path, 'utf8')).match(/-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/g)
    if (found !== null) return found
  } catch (error) {
    throw new RevenantError(
      'CONFIG_INVALID',
      `${path} cannot be read (${errnoWords(error) ?? errorCode(error) ?? 'unknown error'})`,
    )
  }
  throw new RevenantError('CONFIG_INVALID', `${path} holds no PEM certificate`)
}

function isKeyUsage(value: unknown): value is { keyPurposes: string[] } {
  return typeof value === 'object' && value !== null && 'keyPurposes' in value && Array.isArray(value.keyPurposes)
}

function isNonce(found: Uint8Array | undefined, nonce: Uint8Array): boolean {
  return found !== undefined && isSame(found, nonce)
}

/** What cannot be parsed is no timestamp. */
function attempt<T>(parse: () => T): T {
  try {
    return parse()
  } catch {
    throw invalid('it cannot be read')
  }
}

function bufferOf(bytes: Uint8Array): ArrayBuffer {
  return new Uint8Array(bytes).buffer
}

function invalid(why: string): RevenantError {
  return new RevenantError('EVIDENCE_INVALID', `this is no timestamp that holds: ${why}`)
}
