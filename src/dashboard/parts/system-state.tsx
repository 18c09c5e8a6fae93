import type { JSX } from 'preact'
import type { System } from '../../api/schemas/system.ts'
import type { Look } from '../words.ts'
import { Badge } from './badge.tsx'
import type { IconName } from './icon.tsx'

const STATES: Record<System['state'], { look: Look; label: string; icon: IconName; title: string }> = {
  active: { look: 'closed', label: 'Watched', icon: 'check', title: 'Trials run, and its controls pass' },
  open: {
    look: 'open',
    label: 'Open to anybody',
    icon: 'door',
    title: 'It accepted a made-up credential: nothing there proves anything',
  },
  blind: {
    look: 'doubt',
    label: 'Blind',
    icon: 'question',
    title: 'Its canary was not accepted: a refusal there proves nothing',
  },
  held: { look: 'doubt', label: 'Held', icon: 'question', title: 'Its way failed too often, or it asked to be left alone' },
  rebind: {
    look: 'doubt',
    label: 'Waits for a rebind',
    icon: 'question',
    title: 'Its address changed: its secrets wait for an operator',
  },
  paused: { look: 'plain', label: 'Paused', icon: 'mute', title: 'By an operator' },
  retired: { look: 'none', label: 'Retired', icon: 'dash', title: 'No longer in the configuration' },
}

export const SYSTEM_STATE_LABELS: Record<System['state'], string> = {
  active: STATES.active.label,
  open: STATES.open.label,
  blind: STATES.blind.label,
  held: STATES.held.label,
  rebind: STATES.rebind.label,
  paused: STATES.paused.label,
  retired: STATES.retired.label,
}

export function SystemState({ state }: Pick<System, 'state'>): JSX.Element {
  return <Badge {...STATES[state]} />
}
