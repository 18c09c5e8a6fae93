import { z } from 'zod'
import { GRANT_KINDS, LISTING_OUTCOMES } from '../../domain/grant.ts'
import { GRANT_SORTS, GRANT_STATES, grantPage, LISTING_SORTS, listingPage } from '../../store/grant-page.ts'
import { someOf, words, yesOrNo } from '../filters.ts'
import { inventories } from '../inventories.ts'
import { askOf, listAnswer, listQuery } from '../list.ts'
import { look } from '../look.ts'
import { identityNamed, systemNamed } from '../named.ts'
import { GET } from '../read.ts'
import { NOTHING, type Route, route } from '../route.ts'
import { grantPage as grants, inventoryList, listingPage as listings } from '../schemas/grant.ts'

const whom = {
  system: words().exactOptional().describe('Id or name.'),
  identity: words().exactOptional().describe('Id or external id.'),
}

export const GRANTS_ROUTES: readonly Route[] = [
  route({
    ...GET,
    path: '/v1/grants',
    id: 'listGrants',
    tag: 'grants',
    summary: "What administrators' lists show of those who left: listed, not authenticated",
    params: NOTHING,
    query: listQuery(
      {
        ...whom,
        kind: someOf(GRANT_KINDS).exactOptional(),
        state: z.enum(GRANT_STATES).exactOptional().describe('Left out: both.'),
      },
      GRANT_SORTS,
      '-lastSeenAt',
    ),
    answer: grants,
    handle: async (context, { query }) => {
      const { db } = context.deps
      const { system, identity, kind, state } = query
      await look(context, 'grants.view', identity ?? system ?? 'all', { kind, state })
      const filter = { kind, state, systemId: await systemNamed(db, system), identityId: await identityNamed(db, identity) }
      return listAnswer(query, await grantPage(db, filter, askOf(query, GRANT_SORTS)))
    },
  }),
  route({
    ...GET,
    path: '/v1/listings',
    id: 'listListings',
    tag: 'grants',
    summary: 'Every look of an inventory at somebody, and how far it got',
    params: NOTHING,
    query: listQuery(
      {
        ...whom,
        outcome: z.enum(LISTING_OUTCOMES).exactOptional(),
        last: yesOrNo().exactOptional().describe('The last of each identity at each system; false: those before.'),
      },
      LISTING_SORTS,
      '-at',
    ),
    answer: listings,
    handle: async (context, { query }) => {
      const { db } = context.deps
      const { system, identity, outcome, last } = query
      await look(context, 'listings.view', identity ?? system ?? 'all', { outcome, last })
      const filter = { outcome, last, systemId: await systemNamed(db, system), identityId: await identityNamed(db, identity) }
      return listAnswer(query, await listingPage(db, filter, askOf(query, LISTING_SORTS)))
    },
  }),
  route({
    ...GET,
    path: '/v1/inventories',
    id: 'listInventories',
    tag: 'grants',
    summary: 'The inventories: what came of the last turn, what kept the system from answering, when the next is due',
    params: NOTHING,
    query: z.strictObject({ system: words().exactOptional().describe('Id or name. Left out: of all.') }),
    answer: inventoryList,
    handle: async ({ deps }, { query: { system } }) => ({
      body: { items: await inventories(deps, await systemNamed(deps.db, system)) },
    }),
  }),
]
