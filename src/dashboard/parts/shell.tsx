import type { ComponentChildren, JSX } from 'preact'
import { useEffect, useState } from 'preact/hooks'
import type { Overview } from '../../api/schemas/overview.ts'
import type { Permission } from '../../domain/access.ts'
import { remove } from '../api.ts'
import { useHeld } from '../held-count.ts'
import { live } from '../live.ts'
import { hrefOf, type View } from '../place.ts'
import { forgetReads, useRead } from '../read.ts'
import { askSession, may, session, signedOff } from '../session.ts'
import { THEMES, theme } from '../theme.ts'
import { figure } from '../words.ts'
import { Door } from './brand.tsx'
import { Icon, type IconName } from './icon.tsx'

/** A view of the navigation. A new one is a line here, one in place.ts and one in app.tsx. */
interface Entry {
  view: View
  label: string
  icon: IconName
  /** Not offered to whoever may not see it. */
  permission?: Permission
  /** Views that lie below it. */
  holds?: readonly View[]
}

const ENTRIES: readonly Entry[] = [
  { view: 'overview', label: 'Overview', icon: 'overview' },
  { view: 'findings', label: 'Findings', icon: 'findings', holds: ['exemptions'] },
  { view: 'identities', label: 'Identities', icon: 'identities', holds: ['credentials', 'waiting'] },
  { view: 'systems', label: 'Systems', icon: 'systems' },
  { view: 'evidence', label: 'Evidence', icon: 'evidence' },
  { view: 'audit', label: 'Audit', icon: 'audit', permission: 'audit' },
  { view: 'setup', label: 'Setup', icon: 'setup' },
  { view: 'access', label: 'Access', icon: 'access', permission: 'administer' },
]

/** The frame around every view: navigation, who is signed in, whether what is shown is live. */
export function Shell({ view, children }: { view: View | undefined; children: ComponentChildren }): JSX.Element {
  const [open, setOpen] = useState(false)
  useEffect(() => setOpen(false), [view])
  return (
    <div class="frame">
      {/* No link: the fragment is the address of the view. */}
      <button type="button" class="skip" onClick={() => document.getElementById('main')?.focus()}>
        To the content
      </button>
      <header class="side" data-open={open ? '' : undefined}>
        <a class="brand" href={hrefOf('overview')}>
          <Door /> Revenant
        </a>
        <LiveState />
        <button
          type="button"
          class="button plain square menu-button"
          aria-expanded={open}
          aria-controls="menu"
          aria-label="Menu"
          onClick={() => setOpen(!open)}
        >
          <Icon name={open ? 'close' : 'menu'} />
        </button>
        <nav id="menu" class="nav foldable" aria-label="Views">
          {ENTRIES.filter(({ permission }) => permission === undefined || may(permission)).map((entry) => (
            <NavLink key={entry.view} entry={entry} view={view} />
          ))}
        </nav>
        <div class="side-foot foldable">
          <ThemeSwitch />
          <Who />
        </div>
      </header>
      <main id="main" class="main" tabIndex={-1}>
        {children}
      </main>
    </div>
  )
}

function NavLink({ entry, view }: { entry: Entry; view: View | undefined }): JSX.Element {
  const here = view === entry.view || (view !== undefined && entry.holds?.includes(view) === true)
  return (
    <a href={hrefOf(entry.view)} aria-current={here ? 'page' : undefined}>
      <Icon name={entry.icon} />
      {entry.label}
      {entry.view === 'findings' ? <OpenCount /> : undefined}
      {entry.view === 'identities' ? <HeldCount /> : undefined}
    </a>
  )
}

/** How many findings wait for somebody. */
function OpenCount(): JSX.Element | null {
  const { value } = useRead<Overview>('/v1/overview', { topics: ['finding'], settleMs: 6_000 })
  const count = value?.findings.unacknowledged ?? 0
  if (count === 0) return null
  return (
    <span class="count bad">
      {figure(count)}
      <span class="unseen"> that nobody has taken note of</span>
    </span>
  )
}

/** How many statements of sources wait for a decision. */
function HeldCount(): JSX.Element | null {
  const count = useHeld()
  if (count === 0) return null
  return (
    <span class="count bad">
      {figure(count)}
      <span class="unseen"> that wait for a decision</span>
    </span>
  )
}

const LIVE = { live: 'Live', connecting: 'Reconnecting …', off: 'Not live' } as const

function LiveState(): JSX.Element {
  return (
    <span class="live" data-state={live.value} role="status">
      {LIVE[live.value]}
    </span>
  )
}

const THEME_LABELS = { system: 'Auto', light: 'Light', dark: 'Dark' } as const

function ThemeSwitch(): JSX.Element {
  return (
    <fieldset>
      <legend class="unseen">Theme</legend>
      <div class="switch">
        {THEMES.map((each) => (
          <label key={each}>
            <input type="radio" name="theme" value={each} checked={theme.value === each} onChange={() => (theme.value = each)} />
            {THEME_LABELS[each]}
          </label>
        ))}
      </div>
    </fieldset>
  )
}

/** Whoever came from the provider signs out there too. */
function leave(): void {
  location.assign('/v1/sign-out/oidc')
}

function Who(): JSX.Element | null {
  if (typeof session.value !== 'object') return null
  const { actor, role, provider } = session.value
  const signOut = async () => {
    const ended = remove('/v1/session')
    // Whatever is being read or heard ends first: it would be refused.
    session.value = 'unknown'
    forgetReads()
    await ended.then(provider ? leave : signedOff, askSession)
  }
  return (
    <div class="row">
      <span class="who">
        <b>{actor}</b>
        <br />
        <span class="soft">{role}</span>
      </span>
      <button type="button" class="button plain" onClick={signOut}>
        Sign out
      </button>
    </div>
  )
}
