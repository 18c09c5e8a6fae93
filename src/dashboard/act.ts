import { ApiError, type SendOptions, send } from './api.ts'
import { say } from './parts/toast.tsx'

/** Does something that needs no question, and says what came of it. Answers undefined where it failed. */
export async function act<Body>(
  path: string,
  done: (body: Body) => string,
  options: SendOptions = {},
): Promise<Body | undefined> {
  try {
    const body = await send<Body>('POST', path, options)
    say(done(body))
    return body
  } catch (error) {
    say(error instanceof ApiError ? error.message : String(error), true)
    return undefined
  }
}

/** What a form's field says, without spaces around; undefined where nothing was written. */
export function textOf(form: FormData, name: string): string | undefined {
  const value = form.get(name)
  const text = typeof value === 'string' ? value.trim() : ''
  return text === '' ? undefined : text
}

/** The instant that a `datetime-local` field names, in the viewer's zone. */
export function instantOf(form: FormData, name: string): string | undefined {
  const text = textOf(form, name)
  return text === undefined ? undefined : new Date(text).toISOString()
}
