import { RevenantError } from '../../domain/error.ts'
import type { Subject } from '../subject.ts'
import { caep } from './caep.ts'
import { cef, cefHeartbeat } from './cef.ts'
import { ecs, ecsHeartbeat } from './ecs.ts'
import { json, jsonGroup, jsonHeartbeat } from './json.ts'
import { leef, leefHeartbeat } from './leef.ts'
import { mail, mailGroup, mailHeartbeat } from './mail.ts'
import { ocsf } from './ocsf.ts'
import { ocsfGroup, ocsfHeartbeat } from './ocsf-compliance.ts'
import { pagerduty } from './pagerduty.ts'
import type { Format, FormatContext, GroupFormat, HeartbeatFormat, Rendered } from './rendered.ts'
import { slack, slackGroup } from './slack.ts'
import { teams, teamsGroup } from './teams.ts'
import { text, textGroup, textHeartbeat } from './text.ts'
import { udm, udmHeartbeat } from './udm.ts'

export type { Format, FormatContext, Rendered } from './rendered.ts'

export const FORMAT_NAMES = [
  'json',
  'ocsf',
  'ecs',
  'cef',
  'leef',
  'udm',
  'caep',
  'slack',
  'teams',
  'pagerduty',
  'mail',
  'text',
] as const
export type FormatName = (typeof FORMAT_NAMES)[number]

/** Every format. A new one is a file here, a name above and a line below. */
export const FORMATS: Record<FormatName, Format> = { json, ocsf, ecs, cef, leef, udm, caep, slack, teams, pagerduty, mail, text }

/** The formats that can hold many alerts in one body; with any other a sink cannot group. */
export const GROUP_FORMATS: Partial<Record<FormatName, GroupFormat>> = {
  json: jsonGroup,
  ocsf: ocsfGroup,
  slack: slackGroup,
  teams: teamsGroup,
  mail: mailGroup,
  text: textGroup,
}

/** The formats that have a sign of life; a sink with any other sends none. */
export const HEARTBEAT_FORMATS: Partial<Record<FormatName, HeartbeatFormat>> = {
  json: jsonHeartbeat,
  ocsf: ocsfHeartbeat,
  ecs: ecsHeartbeat,
  cef: cefHeartbeat,
  leef: leefHeartbeat,
  udm: udmHeartbeat,
  mail: mailHeartbeat,
  text: textHeartbeat,
}

/** Renders whatever a message is about. Throws CONFIG_INVALID where the format has no shape for it. */
export function render(name: FormatName, subject: Subject, context: FormatContext): Rendered {
  if (subject.type === 'alert') return FORMATS[name](subject.alert, context)
  const rendered =
    subject.type === 'group'
      ? GROUP_FORMATS[name]?.(subject.group, context)
      : HEARTBEAT_FORMATS[name]?.(subject.heartbeat, context)
  if (rendered === undefined) throw new RevenantError('CONFIG_INVALID', `the format ${name} has no shape for a ${subject.type}`)
  return rendered
}
