import type { JSX } from 'preact'
import { Head } from '../parts/head.tsx'
import { Empty } from '../parts/states.tsx'
import { Tabs } from '../parts/tabs.tsx'
import { hrefOf } from '../place.ts'
import { may } from '../session.ts'
import { Catalogue } from './setup-catalogue.tsx'
import { Configuration, Doctor } from './setup-doctor.tsx'
import { Guide } from './setup-guide.tsx'
import { Intake } from './setup-intake.tsx'
import { Receivers } from './setup-receivers.tsx'
import { Sources } from './setup-sources.tsx'

const PARTS = [
  { name: 'guide', label: 'Guide', operate: true, show: Guide },
  { name: 'sources', label: 'Sources', operate: false, show: Sources },
  { name: 'intake', label: 'Intake', operate: true, show: Intake },
  { name: 'receivers', label: 'Receivers', operate: false, show: Receivers },
  { name: 'catalogue', label: 'Catalogue', operate: false, show: Catalogue },
  { name: 'doctor', label: 'Doctor', operate: true, show: Doctor },
  { name: 'configuration', label: 'Configuration', operate: true, show: Configuration },
] as const

/** From nothing to a verdict, and whatever is set up. */
export function SetupView({ id }: { id?: string }): JSX.Element {
  const offered = PARTS.filter(({ operate }) => !operate || may('operate'))
  const part = id === undefined ? offered[0] : offered.find(({ name }) => name === id)
  const Part = part?.show
  return (
    <>
      <Head
        title="Setup"
        lead="From nothing to a verdict; who says who has left; who is told; what can be asked; whether all is well."
      />
      <Tabs
        label="Setup"
        current={part?.name ?? ''}
        tabs={offered.map(({ name, label }) => ({ name, label, href: hrefOf('setup', name) }))}
      />
      {Part === undefined ? (
        <section class="panel">
          <Empty>
            <p>There is nothing here, or your role may not see it.</p>
          </Empty>
        </section>
      ) : (
        <Part />
      )}
    </>
  )
}
