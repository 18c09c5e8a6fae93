import type { JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import type { SessionAnswer, SignInAnswer } from '../../api/schemas/access.ts'
import { ApiError, send } from '../api.ts'
import { keepPlace } from '../come-back.ts'
import { filters, place, replacePlace } from '../navigate.ts'
import { Door } from '../parts/brand.tsx'
import { Field } from '../parts/field.tsx'
import { Problem } from '../parts/states.tsx'
import { useRead } from '../read.ts'
import { askSession, farewell } from '../session.ts'

/** Where whoever is nobody yet becomes somebody. The code of a one-time link stands in the fragment, which reaches no server's log. */
export function SignInView(): JSX.Element {
  const ways = useRead<SignInAnswer>('/v1/sign-in')
  const [error, setError] = useState<ApiError>()
  const [busy, setBusy] = useState(false)
  const tried = useRef<string | undefined>(undefined)
  const signIn = async (code: string) => {
    setBusy(true)
    setError(undefined)
    try {
      await send<SessionAnswer>('POST', '/v1/session', { body: { code } })
      farewell.value = undefined
      await askSession()
    } catch (problem) {
      setError(problem instanceof ApiError ? problem : new ApiError(0, String(problem)))
    } finally {
      setBusy(false)
    }
  }
  const { code } = filters()
  const here = place.value
  useEffect(keepPlace, [here])
  useEffect(() => {
    document.title = 'Sign in · Revenant'
    if (code === undefined || tried.current === code) return
    tried.current = code
    // The address would stay in the history otherwise.
    replacePlace('sign-in')
    void signIn(code)
  }, [code])
  return (
    <main class="gate">
      <section class="panel" aria-labelledby="sign-in">
        <div class="body">
          <div class="row brand">
            <Door /> Revenant
          </div>
          <h1 id="sign-in">Sign in</h1>
          {farewell.value === undefined ? undefined : <p class="said">{farewell.value}</p>}
          {error === undefined ? undefined : <Problem error={error} />}
          {busy ? <p role="status">Signing in …</p> : undefined}
          {ways.error === undefined ? undefined : <Problem error={ways.error} retry={ways.reload} />}
          {ways.value?.oidc === true ? (
            <a class="button first" href="/v1/sign-in/oidc">
              Sign in with your organisation
            </a>
          ) : undefined}
          <OneTimeLink signIn={signIn} first={ways.value?.oidc === false} />
        </div>
      </section>
    </main>
  )
}

function OneTimeLink({ signIn, first }: { signIn(code: string): Promise<void>; first: boolean }): JSX.Element {
  return (
    <form
      class="stack tight"
      onSubmit={(event) => {
        event.preventDefault()
        const given = new FormData(event.currentTarget).get('link')
        if (typeof given === 'string') void signIn(codeIn(given))
      }}
    >
      <p>
        {first ? 'Sign in with a one-time link' : 'Or with a one-time link'}: the daemon prints one at its first start, and{' '}
        <code>revenant access link</code> on its machine prints another.
      </p>
      <Field label="Link or code">
        <input name="link" required autocomplete="one-time-code" spellcheck={false} maxLength={500} />
      </Field>
      <div>
        <button type="submit" class={`button ${first ? 'first' : ''}`}>
          Sign in
        </button>
      </div>
    </form>
  )
}

/** The code of a link, or what was pasted if it is the code itself. */
function codeIn(given: string): string {
  return /[?&]code=([^&\s]+)/.exec(given)?.[1] ?? given.trim()
}
