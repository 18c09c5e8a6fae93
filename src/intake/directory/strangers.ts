import { findSubjects, identitiesOf } from '../../store/feed-subject.ts'
import type { IntakeDeps } from '../deps.ts'
import type { Feed, Said } from '../feed/said.ts'

const CHUNK = 500

/**
 * Without those whom nobody knows and about whom a person would be asked whether they have left: a directory is full of accounts that were
 * disabled years ago.
 */
export async function withoutStrangers(feed: Feed, said: readonly Said[], { db }: IntakeDeps): Promise<Said[]> {
  const asked = said.filter(({ standing: { is } }) => (is === 'inactive' || is === 'deleted') && feed.policy[is] === 'ask')
  const strangers = new Set<string>()
  for (let from = 0; from < asked.length; from += CHUNK) {
    const chunk = asked.slice(from, from + CHUNK)
    const ids = chunk.map(({ externalId }) => externalId)
    const subjects = await findSubjects(
      db,
      feed.id,
      chunk.map(({ key }) => key),
    )
    // As they are found: whatever the case of their letters, which a directory does not tell apart.
    const names = new Set((await identitiesOf(db, [], ids, 'look')).map(({ external_id }) => external_id.toLowerCase()))
    for (const { key, externalId } of chunk) if (!subjects.has(key) && !names.has(externalId.toLowerCase())) strangers.add(key)
  }
  return said.filter(({ key }) => !strangers.has(key))
}
