import { RevenantError } from '../../domain/error.ts'
import { type Answer, type JsonClient, NoAnswer, openJsonClient, type Question } from '../../outbound/json-client.ts'
import { isSafeUrl } from './options.ts'

const TIMEOUT_MS = 15_000
/** A page of tokens; keys and configurations are much shorter. */
const MOST_ANSWER_BYTES = 8_388_608

export type SsfQuestion = Omit<Question, 'timeoutMs'>
export type SsfAnswer = Answer
export type SsfHttp = (question: SsfQuestion) => Promise<SsfAnswer>

/**
 * Asks a transmitter. Throws `SOURCE_UNREACHABLE` where no whole answer came, and `SOURCE_REFUSED` for an address that must not be asked.
 */
export function openHttp(): SsfHttp {
  let client: JsonClient | undefined
  return async (question) => {
    // What a transmitter says of itself names addresses as well.
    if (!isSafeUrl(question.url))
      throw new RevenantError('SOURCE_REFUSED', 'the transmitter names an address that is not https://')
    client ??= openJsonClient({ mostBytes: MOST_ANSWER_BYTES, connectMs: TIMEOUT_MS })
    return client.ask({ ...question, timeoutMs: TIMEOUT_MS }).catch((error: unknown) => {
      if (!(error instanceof NoAnswer)) throw error
      throw new RevenantError('SOURCE_UNREACHABLE', `the transmitter gave no answer (${error.message})`)
    })
  }
}
