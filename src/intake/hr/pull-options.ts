import { z } from 'zod'
import { duration } from '../../config/duration.ts'
import { count, timeZone } from '../../config/scalar.ts'
import { apiPath, credentialOptions, httpsOrigin } from './api-options.ts'
import { type PersonMap, personMap, type Word, wordMap } from './person-map.ts'
import { PULL_PRESET_NAMES, PULL_PRESETS } from './presets.ts'

/** The columns of a Workday report (RaaS, `format=json`) as docs/sources.md has it made. */
export const WORKDAY_MAP: PersonMap = {
  ...{ people: '/Report_Entry', key: '/Employee_ID', externalId: '/Work_Email', name: '/Worker', email: '/Work_Email' },
  ...{ status: '/Worker_Status', terminationDate: '/Termination_Date', timeZone: '/Time_Zone', hireDate: '/Hire_Date' },
}
export const WORKDAY_STATUSES: Readonly<Record<string, Word>> = {
  ...{ Active: 'active', 'On Leave': 'suspended', Leave: 'suspended', Terminated: 'terminated', Inactive: 'terminated' },
}

/** The keys of a source whose people are read from a report of an HR system. */
export const hrisOptions = z
  .strictObject({
    preset: z
      .enum(PULL_PRESET_NAMES)
      .exactOptional()
      .describe('An HR system whose list of people is known. Left out: a report of Workday, or your own.'),
    origin: httpsOrigin().exactOptional().describe('The HR system: scheme and host; over that of the preset.'),
    path: apiPath()
      .exactOptional()
      .describe(
        'The report; over that of the preset. `{today}`, `{from}`, `{to}` are replaced by days, `{since}` by an instant, `{offset}`, `{page}` and `{limit}` by where a page begins.',
      ),
    ...credentialOptions,
    every: duration('1m', '7d').prefault('15m').describe('How often it is read.'),
    timeout: duration('1s', '30m').prefault('5m').describe('For one page.'),
    window: z
      .strictObject({
        back: duration('1m', '365d')
          .prefault('14d')
          .describe('`{from}` and `{since}` lie so long before the last time that it was read.'),
        ahead: duration('1m', '365d').prefault('90d').describe('`{to}` lies so far ahead: for departures to come.'),
      })
      .prefault({}),
    pageSize: count(1, 10_000).default(500).describe('`{limit}`; a page with fewer people is the last.'),
    next: personMap.shape.people.describe(
      'From the answer: the path of the next page. Left out: pages by offset or page, if path has one.',
    ),
    map: personMap
      .exactOptional()
      .describe('Where the answer says what; over those of the preset, or the columns of a Workday report.'),
    statuses: wordMap().exactOptional().describe('What the words of the status mean; over those of the preset, or of Workday.'),
    timeZone: timeZone().exactOptional().describe('Of days without a zone, and of {today}. Left out: policy.timeZone.'),
    complete: z
      .boolean()
      .default(false)
      .describe('It lists everybody: who is missing, and was there before, is deleted (onDeleted).'),
  })
  .transform(({ preset, ...given }, context) => {
    const known = preset === undefined ? undefined : PULL_PRESETS[preset]
    const { origin = known?.origin, path = known?.path } = given
    for (const [name, value] of Object.entries({ origin, path }))
      if (value === undefined) context.addIssue({ code: 'custom', path: [name], message: 'is needed where there is no preset' })
    if (origin === undefined || path === undefined) return z.NEVER
    if (known === undefined) return { ...given, origin, path }
    const { next = known.next, map, statuses } = given
    return { ...given, origin, path, next, map: { ...known.map, ...map }, statuses: { ...known.statuses, ...statuses } }
  })
  .refine(({ path }) => [...path.matchAll(/\{([^}]*)\}/g)].every(([, name]) => PLACES.includes(name ?? '')), {
    path: ['path'],
    error: 'may hold {today}, {from}, {to}, {since}, {offset}, {page} and {limit}',
  })
  .refine(({ path, complete }) => !(complete && /\{(?:from|since)\}/.test(path)), {
    path: ['complete'],
    error: 'is for a report of everybody: path asks for a window, by {from} or {since}, and all others would be gone',
  })
export type HrisOptions = z.output<typeof hrisOptions>

const PLACES = ['today', 'from', 'to', 'since', 'offset', 'page', 'limit']
