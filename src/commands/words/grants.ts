import { type Command, Option } from 'commander'
import { GRANT_STATES } from '../../store/grant-page.ts'
import type { GrantsOptions } from '../grants.ts'
import type { Act } from './act.ts'

export function addGrants(program: Command, act: Act): void {
  const grants = program.command('grants').description("what administrators' lists show of those who left")
  grants
    .command('list', { isDefault: true })
    .description('tokens, keys and consents that are still listed; nobody has signed in with them')
    .option('--system <name>', 'of one system')
    .option('--identity <who>', 'of one identity, by its external id')
    .addOption(new Option('--state <state>', 'left out: standing').choices(GRANT_STATES))
    .option('--json', 'one JSON document a line', false)
    .action(act(async (c, options: GrantsOptions) => (await import('../grants.ts')).list(c, options)))
  grants
    .command('run <system>')
    .description('ask the inventory of a system now')
    .option('--identity <who>', 'about one identity, by its external id')
    .option('--json', 'one JSON document', false)
    .action(
      act(async (c, system: string, options: { json: boolean; identity?: string }) =>
        (await import('../grants.ts')).run(c, system, options),
      ),
    )
}
