import { recordLook } from '../store/looks.ts'
import type { RouteContext } from './route.ts'

/** Records that somebody looked at something, as the commands do: once an hour, further looks are counted. To be called before it is told. */
export async function look(
  { deps, actor }: Pick<RouteContext, 'deps' | 'actor'>,
  action: `${string}.view`,
  subject = 'all',
  detail: Record<string, unknown> = {},
): Promise<void> {
  await recordLook(deps.db, { actor: actor.name, action, subject, detail, at: deps.now() })
}
