import { effect } from '@preact/signals'
import type { ComponentType, JSX } from 'preact'
import { useEffect, useRef, useState } from 'preact/hooks'
import { place } from './navigate.ts'
import { Head } from './parts/head.tsx'
import { Shell } from './parts/shell.tsx'
import { Empty, Ghosts } from './parts/states.tsx'
import { Toasts } from './parts/toast.tsx'
import { hrefOf, type View } from './place.ts'
import { readAhead } from './read.ts'
import { session } from './session.ts'
import { OverviewView } from './views/overview.tsx'
import { SignInView } from './views/sign-in.tsx'

type Loaded = ComponentType<{ id?: string }>

/** What comes with the first look is there at once; the rest when it is first asked for. */
const VIEWS: Record<Exclude<View, 'sign-in' | 'overview'>, () => Promise<Loaded>> = {
  findings: () => import('./views/finding-views.tsx').then(({ FindingViews }) => FindingViews),
  exemptions: () =>
    import('./views/finding-views.tsx').then(({ FindingViews }) => () => <FindingViews exemptions />),
  identities: () => import('./views/identity-views.tsx').then(({ IdentityViews }) => IdentityViews),
  credentials: () =>
    import('./views/identity-views.tsx').then(({ IdentityViews }) => ({ id }: { id?: string }) => (
      <IdentityViews credential id={id ?? ''} />
    )),
  waiting: () =>
    import('./views/identity-views.tsx').then(({ IdentityViews }) => () => <IdentityViews waiting />),
  systems: () => import('./views/system-views.tsx').then(({ SystemViews }) => SystemViews),
  evidence: () => import('./views/evidence-views.tsx').then(({ EvidenceViews }) => EvidenceViews),
  audit: () => import('./views/audit.tsx').then(({ AuditView }) => AuditView),
  setup: () => import('./views/setup.tsx').then(({ SetupView }) => SetupView),
  access: () => import('./views/access.tsx').then(({ AccessView }) => AccessView),
}

/** The page: the sign-in until somebody is known, the frame with a view after that. */
export function App(): JSX.Element {
  if (session.value === 'unknown') return <Ghosts rows={3} />
  return (
    <>
      {session.value === undefined ? <SignInView /> : <Signed />}
      <Toasts />
    </>
  )
}

function Signed(): JSX.Element {
  const here = place.value
  const view = here?.view === 'sign-in' ? 'overview' : here?.view
  const seen = useRef(`${view}/${here?.id ?? ''}`)
  useEffect(() => {
    const now = `${view}/${here?.id ?? ''}`
    if (seen.current === now) return
    seen.current = now
    // As a browser does with a new page: at the top, and told to whoever listens.
    scrollTo(0, 0)
    document.querySelector<HTMLElement>('h1')?.focus({ preventScroll: true })
  }, [view, here?.id])
  return (
    <Shell view={view}>
      {view === undefined ? (
        <Nowhere />
      ) : view === 'overview' ? (
        <OverviewView />
      ) : (
        <Later key={`${view}/${here?.id ?? ''}`} view={view} id={here?.id} />
      )}
    </Shell>
  )
}

const loaded = new Map<View, Loaded>()

function load(view: keyof typeof VIEWS): Promise<void> {
  return VIEWS[view]().then((component) => void loaded.set(view, component))
}

/** What the address names comes while it is asked who is signed in; what every view shows, while it is drawn. Called once. */
export function loadAhead(): void {
  effect(() => {
    if (typeof session.value === 'object') readAhead('/v1/overview')
  })
  const view = place.peek()?.view
  if (view !== undefined && view !== 'overview' && view !== 'sign-in') load(view).catch(() => {})
}

function Later({ view, id }: { view: keyof typeof VIEWS; id: string | undefined }): JSX.Element {
  const [failed, setFailed] = useState(false)
  const [, setTurn] = useState(0)
  const Component = loaded.get(view)
  useEffect(() => {
    // By what was drawn: it may have come since.
    if (Component !== undefined) return
    load(view).then(
      () => setTurn((turn) => turn + 1),
      () => setFailed(true),
    )
  }, [view])
  if (Component !== undefined) return id === undefined ? <Component /> : <Component id={id} />
  if (!failed) return <Ghosts rows={10} />
  return (
    <section class="panel">
      <Empty>
        <p class="strong">This part of the page did not come.</p>
        <p>The daemon may have been updated or be gone for a moment.</p>
        <div class="row">
          <button type="button" class="button first" onClick={() => location.reload()}>
            Load the page again
          </button>
        </div>
      </Empty>
    </section>
  )
}

function Nowhere(): JSX.Element {
  return (
    <>
      <Head title="There is nothing here" />
      <section class="panel">
        <Empty>
          <p>
            The address names no view of this page. <a href={hrefOf('overview')}>Back to the overview</a>
          </p>
        </Empty>
      </section>
    </>
  )
}
