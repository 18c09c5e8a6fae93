import type { JSX } from 'preact'
import { useState } from 'preact/hooks'
import type { SessionItem, TokenAnswer, TokenItem } from '../../api/schemas/access.ts'
import { ROLES, type Role } from '../../domain/access.ts'
import { textOf } from '../act.ts'
import { remove, send } from '../api.ts'
import { Badge } from '../parts/badge.tsx'
import { Ask, Dialog } from '../parts/dialog.tsx'
import { Field } from '../parts/field.tsx'
import { Head } from '../parts/head.tsx'
import { Ago, At, MaybeAgo } from '../parts/moment.tsx'
import { Panel } from '../parts/panel.tsx'
import { List } from '../parts/table.tsx'
import { say } from '../parts/toast.tsx'
import { useList } from '../read.ts'

const ROLE_WORDS: Record<Role, string> = {
  viewer: 'sees what was found',
  auditor: 'and evidence and the audit',
  operator: 'sees, and acts on findings, scans and leavers',
  admin: 'everything, access included',
}

const NOBODYS = 'tied to nobody: no departure ends it'

/** Who gets into Revenant itself. */
export function AccessView(): JSX.Element {
  const tokens = useList<TokenItem>('/v1/tokens', { topics: ['operator'] })
  const sessions = useList<SessionItem>('/v1/sessions', { topics: ['operator'] })
  const [making, setMaking] = useState(false)
  const [made, setMade] = useState<TokenAnswer>()
  const shown = (token: TokenAnswer) => {
    setMade(token)
    tokens.reload()
  }
  const [ending, setEnding] = useState<{ title: string; path: string; reload(): void }>()
  return (
    <>
      <Head title="Access" lead="Who gets into Revenant itself. An identity that leaves takes its sessions and tokens with it.">
        <button type="button" class="button first" onClick={() => setMaking(true)}>
          New token
        </button>
      </Head>
      <div class="stack">
        <Panel title="Tokens" note="for programs: Authorization: Bearer …" flush>
          <List
            label="Tokens"
            list={tokens}
            rowKey={({ id }) => id}
            columns={[
              { head: 'Name', cell: ({ name }) => <b class="wrap">{name}</b> },
              { head: 'Role', cell: ({ role }) => role },
              { head: 'State', cell: (token) => <TokenState token={token} /> },
              { head: 'Last used', cell: ({ usedAt }) => <MaybeAgo at={usedAt} otherwise="never" /> },
              { head: 'Ends', cell: ({ expiresAt }) => <Ago at={expiresAt} /> },
              {
                head: 'Made',
                cell: ({ createdAt, createdBy, owner, tied }) => (
                  <>
                    <Ago at={createdAt} />
                    <span class="under">
                      by {createdBy}
                      {owner === null ? '' : `, for ${owner}`}
                    </span>
                    {tied ? undefined : <span class="under">{NOBODYS}</span>}
                  </>
                ),
              },
              {
                head: '',
                isVoid: ({ state }) => state !== 'live',
                cell: ({ id, name, state }) =>
                  state === 'live' ? (
                    <button
                      type="button"
                      class="button"
                      onClick={() =>
                        setEnding({ title: `Revoke the token ${name}`, path: `/v1/tokens/${id}`, reload: tokens.reload })
                      }
                    >
                      Revoke
                    </button>
                  ) : undefined,
              },
            ]}
            empty={<p>No token was made yet. A program that reads or acts needs one.</p>}
          />
        </Panel>
        <Panel title="Sessions" note="of browsers" flush>
          <List
            label="Sessions"
            list={sessions}
            rowKey={({ id }) => id}
            columns={[
              {
                head: 'Who',
                cell: ({ actor, own, tied }) => (
                  <>
                    <b class="wrap">{actor}</b> {own ? <span class="tag">this one</span> : undefined}
                    {tied ? undefined : <span class="under">{NOBODYS}</span>}
                  </>
                ),
              },
              { head: 'Role', cell: ({ role }) => role },
              { head: 'By', cell: ({ via }) => (via === 'link' ? 'one-time link' : 'OpenID Connect') },
              { head: 'From', cell: ({ address }) => <span class="mono">{address ?? '–'}</span> },
              { head: 'Last seen', cell: ({ seenAt }) => <Ago at={seenAt} /> },
              { head: 'Ends', cell: ({ expiresAt }) => <At at={expiresAt} /> },
              {
                head: '',
                isVoid: ({ own }) => own,
                cell: ({ id, actor, own }) =>
                  own ? undefined : (
                    <button
                      type="button"
                      class="button"
                      onClick={() =>
                        setEnding({ title: `End the session of ${actor}`, path: `/v1/sessions/${id}`, reload: sessions.reload })
                      }
                    >
                      End
                    </button>
                  ),
              },
            ]}
            empty={<p>None.</p>}
          />
        </Panel>
      </div>
      {making ? <NewToken onClose={() => setMaking(false)} onMade={shown} /> : undefined}
      {made === undefined ? undefined : <ShownOnce token={made} onClose={() => setMade(undefined)} />}
      {ending === undefined ? undefined : (
        <Ask
          title={ending.title}
          what={<p>It works no more from the next request on. This cannot be taken back.</p>}
          action="Go on"
          harm
          onClose={() => setEnding(undefined)}
          submit={async () => {
            await remove(ending.path)
            say('Done.')
            ending.reload()
          }}
        />
      )}
    </>
  )
}

function TokenState({ token: { state, endedAt, endedBy } }: { token: TokenItem }): JSX.Element {
  if (state === 'live') return <Badge look="plain" label="Live" icon="check" />
  return (
    <>
      <Badge look="none" label={state === 'expired' ? 'Expired' : 'Revoked'} />
      {endedAt === null ? undefined : (
        <span class="under">
          <Ago at={endedAt} />{' '}
          {endedBy === 'terminated'
            ? 'because its owner left'
            : endedBy === 'suspended'
              ? 'because its owner was suspended'
              : `by ${endedBy}`}
        </span>
      )}
    </>
  )
}

function NewToken({ onClose, onMade }: { onClose(): void; onMade(token: TokenAnswer): void }): JSX.Element {
  const submit = async (form: FormData) => {
    const owner = textOf(form, 'owner')
    const body = {
      name: textOf(form, 'name') ?? '',
      role: textOf(form, 'role') ?? '',
      days: Number(textOf(form, 'days') ?? 90),
      ...(owner === undefined ? {} : { owner }),
    }
    onMade(await send<TokenAnswer>('POST', '/v1/tokens', { body }))
  }
  return (
    <Ask
      title="New token"
      what={<p>It is shown once. Only a digest of it is kept.</p>}
      action="Make"
      submit={submit}
      onClose={onClose}
    >
      <Field label="Name" hint="Lower-case letters and digits, joined by hyphens: siem-pull">
        <input name="name" required maxLength={63} pattern="[a-z0-9]+(-[a-z0-9]+)*" autocomplete="off" spellcheck={false} />
      </Field>
      <Field label="Role">
        <select name="role">
          {ROLES.map((role) => (
            <option key={role} value={role}>
              {role}: {ROLE_WORDS[role]}
            </option>
          ))}
        </select>
      </Field>
      <Field label="Good for so many days">
        <input type="number" name="days" required min={1} max={366} defaultValue="90" />
      </Field>
      <Field
        label="Owner"
        hint="E-mail or external id of whoever answers for it; the token dies when he leaves, and when you do. Needed where you signed in by a link that names nobody."
      >
        <input name="owner" maxLength={320} autocomplete="off" />
      </Field>
    </Ask>
  )
}

function ShownOnce({ token, onClose }: { token: TokenAnswer; onClose(): void }): JSX.Element {
  const copy = () =>
    navigator.clipboard.writeText(token.token).then(
      () => say('Copied.'),
      () => say('The browser does not let the page copy: mark and copy it by hand.', true),
    )
  return (
    <Dialog title={`Token ${token.name}`} onClose={onClose}>
      <p>This is the only time it is shown.</p>
      <p class="said mono" data-token="">
        {token.token}
      </p>
      <div class="row end">
        <button type="button" class="button" onClick={copy}>
          Copy
        </button>
        <button type="button" class="button first" onClick={onClose}>
          I have it
        </button>
      </div>
    </Dialog>
  )
}
