import type { JSX } from 'preact'
import type { CredentialDetail } from '../../api/schemas/credential.ts'
import { passing } from '../clock.ts'
import { type LifeMark, lifeOf } from '../life.ts'
import { hrefOf } from '../place.ts'
import { Icon } from './icon.tsx'
import { MarkLine } from './mark-line.tsx'
import { At } from './moment.tsx'
import { Panel } from './panel.tsx'

/** As badges, beside how it stands. */
export function LifeMarks({ credential }: { credential: CredentialDetail }): JSX.Element {
  return (
    <>
      {lifeOf(credential, passing()).map((mark) => (
        <MarkLine key={mark.label} mark={mark} />
      ))}
    </>
  )
}

/** The same as sentences, with when. Nothing for one of which its standing tells all. */
export function Life({ credential }: { credential: CredentialDetail }): JSX.Element | null {
  const marks = lifeOf(credential, passing())
  if (marks.length === 0) return null
  return (
    <Panel title="Its life" flush>
      <ul class="events">
        {marks.map((mark) => (
          <li key={mark.label} class={mark.look}>
            <Icon name={mark.icon} />
            <span class="what">
              <b>{mark.label}</b> <ToWhom mark={mark} credential={credential} />
            </span>
            <span class="when">{mark.at === null ? undefined : <At at={mark.at} />}</span>
            <span class="note">{mark.means}</span>
          </li>
        ))}
      </ul>
    </Panel>
  )
}

function ToWhom({
  mark,
  credential: { handover, handoverBy },
}: {
  mark: LifeMark
  credential: CredentialDetail
}): JSX.Element | null {
  if (mark.at === null || mark.at !== handoverBy) return null
  if (handover === null) return <span class="soft">a file says so</span>
  const { id, name } = handover.receiver
  return (
    <span>
      to <a href={hrefOf('identities', id)}>{name}</a>
    </span>
  )
}
