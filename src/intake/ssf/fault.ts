/** Why a token is refused: the codes of RFC 8935 §2.4. */
export const SET_ERRORS = [
  'invalid_request',
  'invalid_key',
  'invalid_issuer',
  'invalid_audience',
  'authentication_failed',
] as const
export type SetError = (typeof SET_ERRORS)[number]

/** A token that will never be taken. Its message quotes nothing of the token. */
export class SetFault extends Error {
  readonly err: SetError

  constructor(err: SetError, description: string) {
    super(description)
    this.name = 'SetFault'
    this.err = err
  }
}
