import type { System } from '../api/schemas/system.ts'
import type { Assurance } from '../domain/verdict.ts'
import type { Look } from './words.ts'

export interface SystemLook {
  look: Look
  label: string
  /** What it means. */
  title: string
}

/** How a system looks. One of which no control has said anything is not watched, and one whose controls prove nothing neither. */
export function systemLook({ state, controls, lastTrialAt }: Pick<System, 'state' | 'controls' | 'lastTrialAt'>): SystemLook {
  if (state === 'active') return WATCHED[controls?.assurance ?? 'none']
  return state === 'untried' && lastTrialAt !== null ? UNJUDGED : STATES[state]
}

const WATCHED: Record<Assurance, SystemLook> = {
  controlled: { look: 'closed', label: 'Watched', title: 'Trials run: decoys are refused, and the canary is accepted' },
  explicit: { look: 'closed', label: 'Watched, no canary', title: 'Trials run, and decoys are refused; it has no canary' },
  none: { look: 'doubt', label: 'No control', title: 'Trials run without any control: a refusal there proves nothing' },
}

const UNJUDGED: SystemLook = {
  look: 'doubt',
  label: 'Not judged yet',
  title: 'Trials run, but no control could be judged so far: a refusal there proves nothing',
}

const STATES: Record<Exclude<System['state'], 'active'>, SystemLook> = {
  untried: { look: 'none', label: 'Not tried yet', title: 'No control has been asked there: nothing is known' },
  open: { look: 'open', label: 'Open to anybody', title: 'It accepted a made-up credential: nothing there proves anything' },
  blind: { look: 'doubt', label: 'Blind', title: 'Its canary was not accepted: a refusal there proves nothing' },
  held: { look: 'doubt', label: 'Held', title: 'Its way failed too often, or it asked to be left alone' },
  rebind: { look: 'doubt', label: 'Waits for a rebind', title: 'Its address changed: its secrets wait for an operator' },
  paused: { look: 'plain', label: 'Paused', title: 'By an operator' },
  retired: { look: 'none', label: 'Retired', title: 'No longer in the configuration' },
}

/** The states by which a list of systems is filtered. */
export const SYSTEM_STATE_LABELS: Record<System['state'], string> = {
  active: WATCHED.controlled.label,
  untried: 'Not tried or judged yet',
  open: STATES.open.label,
  blind: STATES.blind.label,
  held: STATES.held.label,
  rebind: STATES.rebind.label,
  paused: STATES.paused.label,
  retired: STATES.retired.label,
}
