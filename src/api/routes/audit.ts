import { AUDIT_SORTS, auditPage } from '../../store/audit-page.ts'
import { instantFilter, words, yesOrNo } from '../filters.ts'
import { askOf, listAnswer, listQuery } from '../list.ts'
import { look } from '../look.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, route } from '../route.ts'
import { auditPage as auditPageAnswer } from '../schemas/audit.ts'

export const AUDIT_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/audit',
    id: 'listAudit',
    tag: 'audit',
    summary: 'What was done here, and who looked',
    permission: 'audit',
    params: NOTHING,
    query: listQuery(
      {
        actor: words().exactOptional().describe('Who.'),
        action: words().exactOptional().describe('`noun.verb`, or several with commas between them.'),
        subject: words().exactOptional().describe('Whom or what it was done to.'),
        from: instantFilter().exactOptional().describe('At or after this instant.'),
        to: instantFilter().exactOptional().describe('Before this instant.'),
        looks: yesOrNo()
          .exactOptional()
          .describe('`false`: without what was only looked at; `true`: nothing else. Left out: all.'),
      },
      AUDIT_SORTS,
      '-at',
    ),
    answer: auditPageAnswer,
    handle: async (context, { query }) => {
      const { actor, action, subject, from, to, looks } = query
      await look(context, 'audit.view', subject ?? 'all', { actor, action })
      const filter = { actor, action: action?.split(',').slice(0, 50), subject, from, to, looks }
      return listAnswer(query, await auditPage(context.deps.db, filter, askOf(query, AUDIT_SORTS)))
    },
  }),
]
