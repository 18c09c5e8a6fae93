import type { JSX } from 'preact'
import type { System } from '../../api/schemas/system.ts'
import { systemLook } from '../system-look.ts'
import { Badge } from './badge.tsx'
import type { IconName } from './icon.tsx'

/** Where the icon of its look would say too little. */
const ICONS: Partial<Record<System['state'], IconName>> = { active: 'check', paused: 'mute' }

export function SystemState({ system }: { system: Pick<System, 'state' | 'controls' | 'lastTrialAt'> }): JSX.Element {
  const { look, label, title } = systemLook(system)
  const icon = look === 'doubt' ? undefined : ICONS[system.state]
  return <Badge look={look} label={label} title={title} {...(icon === undefined ? {} : { icon })} />
}
