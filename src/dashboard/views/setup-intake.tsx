import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import { handOverCommand } from '../hand-over.ts'
import { Copy } from '../parts/copy.tsx'
import { Import } from '../parts/import.tsx'
import { Panel } from '../parts/panel.tsx'
import { Shown } from '../parts/states.tsx'
import { hrefOf } from '../place.ts'
import { useRead } from '../read.ts'

const EXAMPLE = '{"identity":"anna","system":"code-host","label":"laptop","secret":{"token":"…"}}'

/** What identities held: brought in here, or handed over by a script that nobody can listen to. */
export function Intake(): JSX.Element {
  const [done, setDone] = useState(false)
  return (
    <div class="stack">
      <Panel title="What they held">
        <div class="stack tight">
          <p>
            Keys, tokens and passwords, each with the identity that held it and the system it opens. A secret is sealed as it
            comes in and opens only for the address of that system; a reference (<code>secret_ref</code>: <code>env:</code>,{' '}
            <code>file:</code>, a secret manager) stays where it is. What somebody holds who is here can be registered ahead: it
            is tried once they have left.
          </p>
          <Import what="credentials" example={EXAMPLE} onDone={() => setDone(true)} />
          {done ? (
            <p>
              <a href={hrefOf('setup', 'sources', { what: 'credentials' })}>All imports</a>
            </p>
          ) : undefined}
        </div>
      </Panel>
      <HandOver />
    </div>
  )
}

function HandOver(): JSX.Element {
  const reading = useRead<{ recipient: string }>('/v1/credentials/recipient')
  return (
    <Panel title="Handed over, encrypted" note="with age, so that nobody between can read it">
      <Shown reading={reading} rows={4}>
        {({ recipient }) => {
          const command = handOverCommand(recipient, location.origin)
          return (
            <div class="stack tight">
              <p>
                A script that takes access away often has the secret in its hands. It encrypts it to this recipient: whoever has
                that can encrypt, and open nothing.
              </p>
              <div class="row">
                <code class="said wrap" data-recipient="">
                  {recipient}
                </code>
                <Copy text={recipient} what="the recipient" />
              </div>
              <p>One secret, from a shell, with an operator's token of this API:</p>
              <pre class="said" tabIndex={0}>
                {command}
              </pre>
              <div class="row">
                <Copy text={command} what="the command" />
                <span class="soft small">
                  A whole file of rows works too: <code>age -r {recipient.slice(0, 8)}… -o held.csv.age held.csv</code>, given
                  above or to <code>revenant import credentials</code>.
                </span>
              </div>
            </div>
          )
        }}
      </Shown>
    </Panel>
  )
}
