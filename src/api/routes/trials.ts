import { controlsOf, TRIAL_SORTS, toldTrial, trialPage } from '../../store/trial-page.ts'
import { idIn, instantFilter, someOf, words, yesOrNo } from '../filters.ts'
import { askOf, listAnswer, listQuery } from '../list.ts'
import { systemNamed } from '../named.ts'
import { Problem } from '../problem.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, route } from '../route.ts'
import { TRIAL_OUTCOMES, type Trial, trialDetail, trialPage as trialPageAnswer } from '../schemas/trial.ts'

type Outcome = NonNullable<Trial['outcome']>

/** A confirmation for each acceptance is a control: a trial may have very many. */
const CONTROLS_TOLD = 500

export const TRIALS_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/trials',
    id: 'listTrials',
    tag: 'trials',
    summary: 'Controlled runs against systems',
    params: NOTHING,
    query: listQuery(
      {
        system: words().exactOptional().describe('Id or name.'),
        outcome: someOf(TRIAL_OUTCOMES).exactOptional(),
        running: yesOrNo().exactOptional().describe('Not ended, as far as is known.'),
        from: instantFilter().exactOptional().describe('Begun at or after this instant.'),
        to: instantFilter().exactOptional().describe('Begun before this instant.'),
      },
      TRIAL_SORTS,
      '-startedAt',
    ),
    answer: trialPageAnswer,
    handle: async ({ deps: { db } }, { query }) => {
      const { outcome, running, from, to, system } = query
      const filter = { outcome, running, from, to, systemId: await systemNamed(db, system) }
      return listAnswer(query, await trialPage<Outcome>(db, filter, askOf(query, TRIAL_SORTS)))
    },
  }),
  route({
    ...GET,
    path: '/v1/trials/{id}',
    id: 'getTrial',
    tag: 'trials',
    summary: 'One trial with its controls',
    params: idIn('a trial'),
    query: NOTHING,
    answer: trialDetail,
    handle: async ({ deps: { db } }, { params: { id } }) => {
      const trial = await toldTrial<Outcome>(db, id)
      if (trial === undefined) throw new Problem(404, 'There is no trial of this id, or it is past its retention.')
      const controls = await controlsOf(db, id, CONTROLS_TOLD + 1)
      return {
        body: { ...trial, controls: controls.slice(0, CONTROLS_TOLD), moreControls: controls.length > CONTROLS_TOLD },
      }
    },
  }),
]
